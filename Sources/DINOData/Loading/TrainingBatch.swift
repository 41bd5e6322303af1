/// The crops and masks of a batch of images, on the host.
///
/// Shapes: `B` images, `L` local crops of each, `G` and `S` the sides of global and local crops.
public struct TrainingBatch: Sendable {
  /// Which batch of the run this is, from 0.
  public let iteration: Int
  /// The images, as positions in the data set.
  public let sampleIndices: [Int]
  /// Normalised global crops, `[2 · B, 3, G, G]`: the first of every image, then the second.
  public let globalCrops: [Float]
  /// Normalised local crops, `[L · B, 3, S, S]`, crop by crop.
  public let localCrops: [Float]
  /// `G`.
  public let globalSize: Int
  /// `S`.
  public let localSize: Int
  /// `L`.
  public let localCount: Int
  /// The masks of the global crops.
  public let masks: MaskBatch
  /// Images that were met for the first time and could not be used; others took their places.
  public let failures: [Failure]

  /// `B`.
  public var imageCount: Int { sampleIndices.count }

  /// An image that could not be used.
  public struct Failure: Equatable, Sendable {
    /// The image, as a position in the data set.
    public let index: Int
    /// The printable name.
    public let path: String
    /// Why, one line.
    public let reason: String
    /// Where in the order of all processes the image was met.
    public let position: Int
  }
}
