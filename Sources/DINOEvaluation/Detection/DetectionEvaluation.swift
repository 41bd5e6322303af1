public import DINOData
public import DINOInference
internal import DINOModels
public import Imaging

/// Measures a detection head on images with boxes.
public struct DetectionEvaluation: Sendable {
  /// What came out.
  public struct Result: Sendable {
    /// Matches of all images.
    public internal(set) var evaluator: COCOEvaluator
    /// The categories, in the order of ``COCOMetrics/apByCategory``: those of the data.
    public let categories: [DetectionData.Category]
    /// Images that could not be read, one line each.
    public internal(set) var failures: [String] = []
    /// What was found in each image, by its id.
    public internal(set) var found: [(image: Int, objects: [DetectedObject])] = []
  }

  /// What is found; scores far below those that are worth showing count too.
  public var options: DetectionPredictor.Options = {
    var options = DetectionPredictor.Options()
    options.decoding.leastScore = 0.01
    return options
  }()
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// Threads that decode.
  public var decoders = 2

  /// Creates an evaluation.
  public init() {}

  /// Measures a head; the data should have been checked.
  ///
  /// - Parameters:
  ///   - data: Images with boxes.
  ///   - predictor: The head.
  ///   - progress: Called after each image.
  /// - Returns: What came out.
  /// - Throws: `InferenceError` if there are boxes of categories that the head does not know, or no image
  ///   could be used.
  public func callAsFunction(
    _ data: DetectionData, by predictor: DetectionPredictor,
    progress: @Sendable () -> Void = {}
  ) async throws(InferenceError) -> Result {
    let places: [Int?]
    do throws(DataError) {
      places = try data.classes(in: predictor.classNames, of: predictor.path)
    } catch { throw .data(error) }
    var categories: [Int: Int] = [:]
    for (category, place) in places.enumerated() {
      if let place { categories[place] = category }
    }
    var result = Result(
      evaluator: COCOEvaluator(categories: data.categories.count), categories: data.categories)
    let decoder = decoder
    let pipeline = OrderedPipeline(data.samples, threads: decoders, ahead: 2 * decoders) { sample in
      try sample.image.decode(decoder)
    }
    for await item in pipeline {
      let sample = data.samples[item.index]
      switch item.result {
      case .success(let image):
        let found = try await predictor.objects(in: image, options)
        result.evaluator.addImage(
          truth: sample.objects.map(COCOEvaluator.Truth.init),
          detections: found.compactMap { object in
            categories[object.classIndex].map {
              .init(category: $0, box: object.box, score: object.score)
            }
          })
        result.found.append((sample.id, found))
      case .failure(let error): result.failures.append("\(error)")
      }
      progress()
    }
    guard result.evaluator.imageCount > 0 else {
      throw .data(
        .unusable(
          place: data.place,
          problem: "none of \(data.samples.count) images could be measured; "
            + (result.failures.first ?? "")))
    }
    return result
  }
}

extension COCOEvaluator {
  /// Compares the boxes of a file with those of a data set.
  ///
  /// - Parameters:
  ///   - results: The boxes that were found.
  ///   - data: Images with boxes.
  /// - Throws: `DataError` if the file names images or categories that the data set does not have.
  public init(_ results: DetectionResults, on data: DetectionData) throws(DataError) {
    let categories = Dictionary(data.categories.enumerated().map { ($1.id, $0) }) { first, _ in
      first
    }
    let images = Dictionary(data.samples.enumerated().map { ($1.id, $0) }) { first, _ in first }
    var found = [[Detection]](repeating: [], count: data.samples.count)
    for entry in results.entries {
      guard let image = images[entry.image] else {
        throw .unusable(
          place: results.path.displayName,
          problem:
            "has boxes of image \(entry.image), which \(data.place) does not have; was another "
            + "part meant?")
      }
      guard let category = categories[entry.category] else {
        throw .unusable(
          place: results.path.displayName,
          problem: "has boxes of category \(entry.category), which \(data.place) does not have")
      }
      found[image].append(.init(category: category, box: entry.box, score: entry.score))
    }
    self.init(categories: data.categories.count)
    // The benchmark goes through images by their ids.
    for index in data.samples.indices.sorted(by: { data.samples[$0].id < data.samples[$1].id }) {
      addImage(truth: data.samples[index].objects.map(Truth.init), detections: found[index])
    }
  }
}

extension COCOEvaluator.Truth {
  /// Takes an annotated object.
  ///
  /// - Parameter object: The object.
  public init(_ object: DetectionData.Object) {
    self.init(
      category: object.category, box: object.box, area: object.area, isCrowd: object.isCrowd)
  }
}
