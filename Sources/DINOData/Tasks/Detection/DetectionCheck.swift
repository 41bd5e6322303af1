public import Imaging

extension DetectionData {
  /// Reads the headers of all images and compares them with the annotations.
  ///
  /// - Parameters:
  ///   - decoder: What an image may take.
  ///   - threads: The number of threads that read.
  ///   - progress: Called after each sample.
  ///   - make: Makes something of an image's annotations and the size of its file.
  /// - Returns: What was made, and what is wrong; annotations that could not be used count.
  /// - Throws: ``DataError`` if the task was cancelled.
  public func check<Output: Sendable>(
    decoder: ImageDecoder = ImageDecoder(), threads: Int = 2,
    progress: @Sendable () -> Void = {},
    _ make: @escaping @Sendable (Sample, Size) throws(DataError) -> Output
  ) async throws(DataError) -> DenseCheck<Output> {
    try await DenseCheck(samples, unpaired: problems, threads: threads, progress: progress) {
      sample throws(DataError) in
      let size = try sample.image.size(decoder)
      if let annotated = sample.size, annotated != size {
        throw DataError.unusable(
          place: sample.image.displayName,
          problem:
            "has \(size) pixels, but boxes for \(annotated); were images resized without them?")
      }
      return try make(sample, size)
    }
  }

  /// Keeps some of the samples.
  ///
  /// - Parameter indices: Which, in their new order.
  /// - Returns: The data set with those alone.
  /// - Precondition: The indices are ones of ``samples``.
  package func selecting(_ indices: [Int]) -> DetectionData {
    var result = self
    result.samples = indices.map { samples[$0] }
    return result
  }

  /// The places of categories among the classes of a head.
  ///
  /// - Parameters:
  ///   - names: The classes of the head.
  ///   - head: The head, for the message.
  /// - Returns: Of each category, its place; nil for one that the head does not know and that has no box.
  /// - Throws: ``DataError/unusable(place:problem:)`` if there are boxes of a category that the head does
  ///   not know.
  public func classes(in names: [String], of head: String) throws(DataError) -> [Int?] {
    let places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    var counts = [Int](repeating: 0, count: categories.count)
    for object in samples.flatMap(\.objects) { counts[object.category] += 1 }
    let found = categories.map { places[$0.name] }
    let unknown = categories.indices.filter { found[$0] == nil && counts[$0] > 0 }
    guard unknown.isEmpty else {
      throw .unusable(
        place: place,
        problem: "has boxes of categories that \(head) does not know: "
          + unknown.prefix(5).map { RawPath(categories[$0].name).displayName }.joined(
            separator: ", ")
          + "; it knows " + names.prefix(8).map { RawPath($0).displayName }.joined(separator: ", ")
          + (names.count > 8 ? ", …" : ""))
    }
    return found
  }
}
