internal import CheckpointFormats

/// What a task head makes of an image.
public enum HeadTask: String, CaseIterable, Sendable, Codable {
  /// One class for the image.
  case classification
  /// A class for each pixel.
  case segmentation
  /// Metres for each pixel.
  case depth
  /// Boxes with classes.
  case detection
}

/// How an image becomes the input that a head was trained on.
public struct HeadPreprocessing: Equatable, Sendable, Codable {
  /// Pixels to which the shorter side is resized; nil leaves the size.
  public var resize: Int?
  /// Side of the centre crop; nil takes the whole image, padded around the centre to whole patches.
  public var crop: Int?
  /// How the image is resized: `bicubic`, `bilinear`, ….
  public var interpolation = "bicubic"
  /// The mean per channel, in units of 0 to 1.
  public var mean = [0.485, 0.456, 0.406]
  /// The standard deviation per channel, in units of 0 to 1.
  public var std = [0.229, 0.224, 0.225]
  /// What becomes of the padding in maps.
  public var paddingRemoval = PaddingRemoval.crop

  /// Describes a preprocessing with the mean and standard deviation of ImageNet.
  ///
  /// - Parameters:
  ///   - resize: Pixels to which the shorter side is resized; nil leaves the size.
  ///   - crop: Side of the centre crop; nil takes the whole image.
  public init(resize: Int? = nil, crop: Int? = nil) {
    self.resize = resize
    self.crop = crop
  }

  enum CodingKeys: String, CodingKey {
    case resize, crop, interpolation, mean, std
    case paddingRemoval = "padding_removal"
  }
}

/// How a head came about, as far as numbers say it.
public struct HeadTraining: Equatable, Sendable, Codable {
  /// The data set, as it was named.
  public var data: String
  /// Images that were trained on.
  public var images: Int
  /// Images that the settings were chosen on.
  public var heldOut: Int
  /// Steps of the optimiser.
  public var steps: Int
  /// Images of a step.
  public var batch: Int
  /// The learning rate that was chosen.
  public var learningRate: Double
  /// The seed of every random draw.
  public var seed: UInt64
  /// Results by name: `held_out_mIoU`, …; values that are no numbers are left out.
  public var metrics: [String: Double] {
    didSet { metrics = metrics.filter(\.value.isFinite) }
  }

  /// Describes a training that did nothing yet.
  ///
  /// - Parameters:
  ///   - data: The data set, as it was named.
  ///   - seed: The seed of every random draw.
  public init(data: String, seed: UInt64) {
    (self.data, self.seed) = (data, seed)
    (images, heldOut, steps, batch) = (0, 0, 0, 0)
    learningRate = 0
    metrics = [:]
  }

  enum CodingKeys: String, CodingKey {
    case data, images, steps, batch, seed, metrics
    case heldOut = "held_out"
    case learningRate = "learning_rate"
  }
}

/// `config.json` of a ``HeadFolder``.
public struct HeadConfig: Equatable, Sendable, Codable {
  /// The kind of the head and its sizes.
  public struct Architecture: Equatable, Sendable, Codable {
    /// The kind: `linear`, `dpt`, …; with the task it tells which type ``sizes`` describes.
    public var type: String
    package var sizes: JSONTree
  }

  /// What the head does.
  public var task: HeadTask
  /// The kind of the head and its sizes.
  public var head: Architecture
  /// The backbone that it was made for.
  public var backbone: HeadBackbone
  /// The names of the classes by index; nil where there are none.
  public var classes: [String]?
  /// How images become its input.
  public var preprocessing: HeadPreprocessing
  /// How it came about.
  public var training: HeadTraining?
  /// What tells the head's weights from others; set when the folder is written.
  public internal(set) var weights = ""

  /// What the file calls itself.
  private var format = Self.currentFormat
  private var formatVersion = 1

  static let currentFormat = "dinov2-head"

  enum CodingKeys: String, CodingKey {
    case task, head, backbone, classes, preprocessing, training, weights, format
    case formatVersion = "format_version"
  }

  /// Describes a head.
  ///
  /// - Parameters:
  ///   - task: What the head does.
  ///   - type: The kind of the head.
  ///   - sizes: Its sizes, as the type of the head declares them.
  ///   - backbone: The backbone that it was made for.
  /// - Throws: ``ModelError`` if a size is no number that JSON can hold.
  public init(
    _ task: HeadTask, type: String, sizes: some Codable, backbone: HeadBackbone
  ) throws(ModelError) {
    self.task = task
    do {
      head = Architecture(type: type, sizes: try JSONTree(encoding: sizes))
    } catch {
      throw .unsupported(format: "a head folder", problem: "sizes \(sizes) have no form in JSON")
    }
    self.backbone = backbone
    preprocessing = HeadPreprocessing()
  }

  /// The sizes of the head.
  ///
  /// - Parameters:
  ///   - type: What the kind of the head calls for.
  ///   - path: The head folder, for messages.
  /// - Returns: The sizes.
  /// - Throws: ``ModelError`` if a size is missing, of another type or unknown.
  public func sizes<Sizes: Codable>(
    as type: Sizes.Type, path: String
  ) throws(ModelError) -> Sizes {
    do {
      return try head.sizes.decode(type)
    } catch {
      throw .configuration(
        path: "\(path)/\(HeadFolder.configName)",
        problem: "head.sizes: " + HeadFolder.complaint(about: error))
    }
  }

  /// Every contradiction in the values, one line each.
  func problems() -> [String] {
    var problems: [String] = []
    func demand(_ holds: Bool, _ line: String) { if !holds { problems.append(line) } }
    demand(
      format == Self.currentFormat && formatVersion == 1,
      "format is \(format.quoted) version \(formatVersion); expected "
        + "\(Self.currentFormat.quoted) version 1")
    let sides = [preprocessing.resize, preprocessing.crop].compactMap { $0 }
    demand(
      sides.allSatisfy { (1...65_535).contains($0) },
      "preprocessing: resize and crop must be 1 to 65535; they are \(sides)")
    demand(
      preprocessing.mean.count == 3 && preprocessing.std.count == 3
        && preprocessing.mean.allSatisfy(\.isFinite)
        && preprocessing.std.allSatisfy { $0 > 0 && $0.isFinite },
      "preprocessing: mean and std must be three numbers each, std above 0")
    if let classes {
      demand(
        !classes.isEmpty && classes.count <= 65_535, "there are \(classes.count) classes")
      demand(Set(classes).count == classes.count, "a class is named twice")
    }
    return problems + backbone.problems()
  }
}
