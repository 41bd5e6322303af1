/// The images of a training: a folder, lists, patterns, tar shards, or one of Meta's dataset strings.
public struct TrainingImages: Sendable {
  /// The images, in an order that depends on nothing but the inputs.
  public let references: [ImageReference]

  /// The number of images.
  public var count: Int { references.count }

  /// Finds images.
  ///
  /// - Parameter arguments: Arguments as for ``ImageInputs``, or one of Meta's dataset strings, such as
  ///   `ImageNet:split=TRAIN:root=/data/imagenet:extra=/data/extra`.
  /// - Throws: ``DataError`` if an argument leads nowhere or holds no image.
  public init(_ arguments: [String]) throws(DataError) {
    var references: [ImageReference] = []
    for argument in arguments {
      if let dataset = try DatasetString(argument) {
        references += try dataset.images()
      } else {
        references += try ImageInputs.expand([argument])
      }
    }
    guard !references.isEmpty else {
      throw .unusable(place: arguments.joined(separator: " "), problem: "holds no image")
    }
    self.references = references
  }
}
