public import Imaging

/// A pass over images with masks or depth maps: what was made of each, and what is wrong.
public struct DenseCheck<Output: Sendable>: Sendable {
  /// What was made of each sample, in their order; nil where one cannot be used.
  public private(set) var outputs: [Output?] = []
  /// The number of files that cannot be used.
  public private(set) var problemCount: Int
  /// The first of them, one line each.
  public private(set) var firstProblems: [String]
  /// Whether files contradict each other; otherwise some are only damaged.
  public private(set) var hasContradiction: Bool

  /// How many problems are told.
  private static var most: Int { 3 }

  /// Reads all samples.
  ///
  /// - Parameters:
  ///   - samples: The samples.
  ///   - unpaired: Files without a partner, one line each.
  ///   - threads: The number of threads that read.
  ///   - progress: Called after each sample.
  ///   - work: Reads a sample; what it throws is a problem of the sample.
  /// - Throws: ``DataError`` if the task was cancelled.
  init<Sample: Sendable>(
    _ samples: [Sample], unpaired: [String], threads: Int,
    progress: @Sendable () -> Void,
    _ work: @escaping @Sendable (Sample) throws(DataError) -> Output
  ) async throws(DataError) {
    problemCount = unpaired.count
    firstProblems = Array(unpaired.prefix(Self.most))
    hasContradiction = !unpaired.isEmpty
    outputs.reserveCapacity(samples.count)
    let pipeline = OrderedPipeline(samples, threads: threads, ahead: 8 * threads) { sample in
      try work(sample)
    }
    for await item in pipeline {
      switch item.result {
      case .success(let output): outputs.append(output)
      case .failure(let error):
        outputs.append(nil)
        problemCount += 1
        if firstProblems.count < Self.most { firstProblems.append("\(error)") }
        if (error as? DataError)?.category != .refusedInput { hasContradiction = true }
      }
      progress()
    }
    guard outputs.count == samples.count else {
      throw .system(path: "samples", problem: "were not all read: the task was cancelled")
    }
  }

  /// Refuses a part with problems.
  ///
  /// - Parameter place: The data set and the part, for the message.
  /// - Throws: ``DataError/unusable(place:problem:)`` if files contradict each other or none is left,
  ///   ``DataError/refused(path:problem:)`` if some are damaged.
  public func demandAll(of place: String) throws(DataError) {
    guard problemCount > 0 else { return }
    let problem =
      "\(problemCount) of \(outputs.count) images cannot be used; "
      + firstProblems.joined(separator: "; ") + (problemCount > firstProblems.count ? "; …" : "")
      + "; mend or remove them, or pass --leave-out-bad"
    guard !hasContradiction, outputs.contains(where: { $0 != nil }) else {
      throw .unusable(place: place, problem: problem)
    }
    throw .refused(path: place, problem: problem)
  }
}

extension SegmentationData {
  /// Reads all masks and the headers of all images.
  ///
  /// - Parameters:
  ///   - decoder: What an image may take.
  ///   - threads: The number of threads that read.
  ///   - progress: Called after each sample.
  ///   - make: Makes something of the labels of an image.
  /// - Returns: What was made, and what is wrong.
  /// - Throws: ``DataError`` if the task was cancelled.
  public func check<Output: Sendable>(
    decoder: ImageDecoder = ImageDecoder(), threads: Int = 2,
    progress: @Sendable () -> Void = {},
    _ make: @escaping @Sendable (ValueImage) throws(DataError) -> Output
  ) async throws(DataError) -> DenseCheck<Output> {
    try await DenseCheck(samples, unpaired: unpaired, threads: threads, progress: progress) {
      sample throws(DataError) in
      try make(labels(of: sample, size: sample.image.size(decoder), decoder: decoder))
    }
  }
}

extension DepthData {
  /// Reads all depth maps and the headers of all images.
  ///
  /// - Parameters:
  ///   - decoder: What an image may take.
  ///   - threads: The number of threads that read.
  ///   - progress: Called after each sample.
  ///   - make: Makes something of the depth of an image.
  /// - Returns: What was made, and what is wrong.
  /// - Throws: ``DataError`` if the task was cancelled.
  public func check<Output: Sendable>(
    decoder: ImageDecoder = ImageDecoder(), threads: Int = 2,
    progress: @Sendable () -> Void = {},
    _ make: @escaping @Sendable (DepthMap) throws(DataError) -> Output
  ) async throws(DataError) -> DenseCheck<Output> {
    try await DenseCheck(samples, unpaired: unpaired, threads: threads, progress: progress) {
      sample throws(DataError) in
      try make(depth(of: sample, size: sample.image.size(decoder), decoder: decoder))
    }
  }
}

extension SegmentationData {
  /// Keeps some of the samples.
  ///
  /// - Parameter indices: Which, in their new order.
  /// - Returns: The data set with those alone.
  /// - Precondition: The indices are ones of ``samples``.
  package func selecting(_ indices: [Int]) -> SegmentationData {
    var result = self
    result.samples = indices.map { samples[$0] }
    return result
  }
}

extension DepthData {
  /// Keeps some of the samples.
  ///
  /// - Parameter indices: Which, in their new order.
  /// - Returns: The data set with those alone.
  /// - Precondition: The indices are ones of ``samples``.
  package func selecting(_ indices: [Int]) -> DepthData {
    var result = self
    result.samples = indices.map { samples[$0] }
    return result
  }
}
