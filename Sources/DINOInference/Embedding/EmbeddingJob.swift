public import DINOData
public import Imaging

/// One embedding per image: which images, how they are read, and where the result goes.
public struct EmbeddingJob: Sendable {
  /// What is kept of the token sequence.
  public enum Pooling: String, CaseIterable, Sendable {
    /// The class token, `[D]`.
    case cls
    /// The mean of the patch tokens, `[D]`.
    case mean
    /// Both, class token first, `[2 · D]`.
    case clsAndMean = "cls+mean"

    func callAsFunction(_ batch: TokenBatch, image: Int) -> [Float] {
      switch self {
      case .cls: Array(batch.clsToken(image))
      case .mean: batch.patchMean(image)
      case .clsAndMean: Array(batch.clsToken(image)) + batch.patchMean(image)
      }
    }

    func columns(width: Int) -> Int { self == .clsAndMean ? 2 * width : width }
  }

  /// The images, in the order of the rows.
  public var references: [ImageReference]
  /// The result: `.npy` or `.safetensors`.
  public var output: String
  /// How an image becomes the model's input.
  public var preprocessing: Preprocessing
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// What is kept of the token sequence.
  public var pooling = Pooling.cls
  /// Whether patch tokens are kept too; needs `.safetensors` and inputs of one size.
  public var keepsTokens = false
  /// Images per forward pass.
  public var batchSize = 16
  /// Threads that decode.
  public var decoders = 2

  /// Describes a job.
  ///
  /// - Parameters:
  ///   - references: The images, in the order of the rows.
  ///   - output: The result: `.npy` or `.safetensors`.
  ///   - preprocessing: How an image becomes the model's input.
  public init(references: [ImageReference], output: String, preprocessing: Preprocessing) {
    self.references = references
    self.output = output
    self.preprocessing = preprocessing
  }

  /// An image that gave no embedding.
  public struct Failure: Error, Sendable, Equatable {
    /// The printable name of the image.
    public let name: String
    /// Why, one line.
    public let reason: String
  }

  /// What became of the images.
  public struct Report: Sendable {
    /// The number of rows written, those of an earlier run included.
    public internal(set) var embedded = 0
    /// The number of images that an earlier run had done.
    public internal(set) var resumed = 0
    /// The images that gave no row.
    public internal(set) var failures: [Failure] = []
    /// The number of values of a row.
    public internal(set) var columns = 0
  }

  /// What the job tells while it runs.
  public enum Event: Sendable {
    /// An earlier run had done so many images.
    case resumed(Int)
    /// So many more images are done.
    case advanced(Int)
    /// An image gave no embedding.
    case failed(Failure)
  }
}
