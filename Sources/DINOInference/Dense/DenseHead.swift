public import DINOModels
public import Imaging
internal import Torch

/// A head for segmentation or depth as a user names it: a head folder, or a released head file.
public struct DenseHead: Sendable {
  /// What files of released heads do not say.
  public struct ReleasedOptions: Sendable {
    /// The largest depth that the head was trained for, metres.
    public var maxDepth = 10.0
    /// The names of the classes by index.
    public var classNames: [String]?

    /// Takes what holds for heads of NYU.
    public init() {}
  }

  /// Where the weights are.
  enum Source: Sendable {
    case folder(HeadFolder)
    case file(DenseHeadFile, ReleasedOptions)
  }

  /// The path.
  public let path: String
  /// What the head does.
  public let task: HeadTask
  /// The names of the classes by index, where they are known.
  public let classNames: [String]?
  /// The number of classes; nil for depth.
  public let classCount: Int?
  /// How images become its input.
  public let preprocessing: HeadPreprocessing
  /// How it came about, as far as its folder says.
  public let training: HeadTraining?
  /// The largest depth that it was trained for, metres; nil for segmentation.
  public let maxDepth: Double?
  let source: Source

  /// Reads a head.
  ///
  /// - Parameters:
  ///   - path: A head folder, or a released head file.
  ///   - released: What files of released heads do not say.
  /// - Throws: ``InferenceError`` if there is no head for segmentation or depth.
  public init(
    path: String, released: ReleasedOptions = ReleasedOptions()
  ) throws(InferenceError) {
    self.path = path
    do throws(ModelError) {
      if FileKind.isFile(path) {
        let file = try DenseHeadFile(path: path)
        source = .file(file, released)
        training = nil
        var squeezed = HeadPreprocessing()
        squeezed.paddingRemoval = .squeeze
        preprocessing = squeezed
        if case .segmentation(_, let count) = file.kind {
          if let names = released.classNames, names.count != count {
            throw ModelError.configuration(
              path: path, problem: "has \(count) classes, but \(names.count) are named")
          }
          (task, maxDepth, classNames) = (.segmentation, nil, released.classNames)
          classCount = count
        } else {
          (task, maxDepth, classNames, classCount) = (.depth, released.maxDepth, nil, nil)
        }
      } else {
        let folder = try HeadFolder(path: path)
        source = .folder(folder)
        training = folder.config.training
        preprocessing = folder.config.preprocessing
        task = folder.config.task
        guard [.segmentation, .depth].contains(task) else {
          throw ModelError.configuration(
            path: path,
            problem: "is a head for \(task.rawValue); expected one for segmentation or depth")
        }
        classNames = folder.config.classes
        classCount = folder.config.classes?.count
        maxDepth = folder.config.task == .depth ? try folder.depthHead().range.upperBound : nil
      }
    } catch { throw .model(error) }
  }
}

extension DenseHead {
  /// A head on the model's thread, with the backbone that it takes its input from.
  enum Loaded {
    case segmentation(SemanticSegmenter)
    case depth(DepthEstimator)
  }

  /// Builds the head.
  ///
  /// - Parameters:
  ///   - config: The sizes of the model.
  ///   - tokens: The model.
  /// - Returns: The head.
  /// - Throws: `ModelError` if the head does not fit the model or its file is damaged.
  func load(
    for config: VisionTransformerConfig, tokens: @escaping TokenSource
  ) throws(ModelError) -> Loaded {
    switch source {
    case .folder(let folder):
      let (blocks, normalize) = (folder.config.backbone.blocks, folder.config.backbone.normalize)
      let backbone = DenseBackbone(patchSize: config.patchSize) { images throws(TorchError) in
        try tokens(images, blocks, normalize)
      }
      if folder.config.task == .segmentation {
        return .segmentation(
          SemanticSegmenter(backbone: backbone, head: try folder.segmentationHead()))
      }
      return .depth(DepthEstimator(backbone: backbone, head: try folder.depthHead()))
    case .file(let file, let released):
      if task == .segmentation {
        let head = try file.segmentationHead(embedDim: config.embedDim)
        let blocks = try Self.blocks(.last(head.taps), config, path)
        let backbone = DenseBackbone(patchSize: config.patchSize) { images throws(TorchError) in
          try tokens(images, blocks, true)
        }
        return .segmentation(SemanticSegmenter(backbone: backbone, head: head))
      }
      let head = try file.depthHead(
        embedDim: config.embedDim, range: 0.001...max(released.maxDepth, 0.002))
      let choice: LayerSelection =
        head.taps == 4 ? .fourTaps(ofDepth: config.depth) : .last(head.taps)
      let blocks = try Self.blocks(choice, config, path)
      let backbone = DenseBackbone(patchSize: config.patchSize) { images throws(TorchError) in
        try tokens(images, blocks, false)
      }
      return .depth(DepthEstimator(backbone: backbone, head: head))
    }
  }

  /// Gives the outputs of blocks for padded images.
  typealias TokenSource =
    (_ images: Tensor, _ blocks: [Int], _ normalize: Bool) throws(TorchError) -> [FeatureTap]

  private static func blocks(
    _ selection: LayerSelection, _ config: VisionTransformerConfig, _ path: String
  ) throws(ModelError) -> [Int] {
    do throws(TorchError) {
      return try selection.indices(ofDepth: config.depth).sorted()
    } catch {
      throw .mismatch(
        path: path, model: "a backbone of \(config.depth) blocks", problems: ["\(error)"])
    }
  }
}

extension Preprocessing {
  /// How a head wants its images, before they are padded.
  ///
  /// - Parameters:
  ///   - head: What the head says.
  ///   - resize: Another length of the shorter side than the head's; nil takes the head's.
  /// - Throws: ``InferenceError`` if the kind of interpolation is not known.
  public init(_ head: HeadPreprocessing, resize: Int? = nil) throws(InferenceError) {
    self.init(
      resize: resize ?? head.resize, crop: head.crop.map { Size(height: $0, width: $0) })
    guard let filter = ResampleFilter(rawValue: head.interpolation) else {
      throw .usage(
        problem: "the head's interpolation is \(head.interpolation); known are "
          + ResampleFilter.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self.filter = filter
    // Configurations are refused unless they hold three numbers each.
    if head.mean.count == 3, head.std.count == 3 {
      mean = SIMD3(Float(head.mean[0]), Float(head.mean[1]), Float(head.mean[2]))
      std = SIMD3(Float(head.std[0]), Float(head.std[1]), Float(head.std[2]))
    }
    patchSize = 1
  }
}

extension HeadPreprocessing {
  /// What a head folder notes about a preprocessing with a square crop.
  ///
  /// - Parameter preprocessing: How images become the model's input.
  public init(_ preprocessing: Preprocessing) {
    self.init(resize: preprocessing.resize, crop: preprocessing.crop?.height)
    interpolation = preprocessing.filter.rawValue
    mean = (0..<3).map { Double(preprocessing.mean[$0]) }
    std = (0..<3).map { Double(preprocessing.std[$0]) }
  }
}
