public import Imaging
internal import Synchronization

/// Reads every image of a data set and says what it holds and which images cannot be used.
public struct DatasetCheck: Sendable {
  /// What was found.
  public struct Report: Equatable, Sendable {
    /// The number of images, usable or not.
    public internal(set) var imageCount = 0
    /// How many usable images there are of each format.
    public internal(set) var formats: [ImageFormat: Int] = [:]
    /// How many usable images have a shorter side from each of ``shorterSides`` on, below the next.
    public internal(set) var sizes = [Int](repeating: 0, count: Report.shorterSides.count)
    /// The smallest height and the smallest width of a usable image; nil if there is none.
    public internal(set) var smallest: Size?
    /// The largest height and the largest width of a usable image; nil if there is none.
    public internal(set) var largest: Size?
    /// The bytes of all encoded images that could be read.
    public internal(set) var encodedBytes = 0
    /// The bytes of all usable images once decoded, which is what a cache of them takes.
    public internal(set) var decodedBytes = 0
    /// The images that cannot be used, in the order of the data set.
    public internal(set) var bad: [BadImage] = []

    /// The lower bounds of the classes of ``sizes``, in pixels.
    public static let shorterSides = [0, 32, 64, 98, 128, 224, 256, 384, 518, 768, 1_024, 2_048]

    /// The number of images that can be used.
    public var usableCount: Int { imageCount - bad.count }
  }

  /// An image that cannot be used.
  public struct BadImage: Equatable, Sendable {
    /// The position in the data set.
    public let index: Int
    /// The printable name.
    public let path: String
    /// Why, one line.
    public let reason: String
  }

  fileprivate struct Finding: Sendable {
    let format: ImageFormat
    let size: Size
    let encodedBytes: Int
  }

  /// How images are decoded, and what one may take.
  public var decoder = ImageDecoder()
  /// The number of threads that decode.
  public var threads = 1

  /// Creates a check.
  ///
  /// - Parameter threads: The number of threads that decode; at least 1 is used.
  public init(threads: Int = 1) {
    self.threads = max(threads, 1)
  }

  /// Decodes all images.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - progress: Called after each image with the number of finished ones.
  /// - Returns: What was found; of a cancelled check the part that was done.
  public func callAsFunction(
    _ images: [ImageReference], progress: (Int) -> Void = { _ in }
  ) async -> Report {
    let decoder = decoder
    let pipeline = OrderedPipeline(images, threads: threads, ahead: 4 * threads) { reference in
      let bytes = try reference.bytes(limit: decoder.limits.encodedBytes)
      do throws(ImageError) {
        let name = reference.displayName
        let info = try decoder.probe(bytes: bytes, name: name)
        let image = try decoder.decode(bytes: bytes, name: name)
        return Finding(format: info.format, size: image.size, encodedBytes: bytes.count)
      } catch {
        throw DataError(error, path: reference.displayName)
      }
    }
    var report = Report()
    for await item in pipeline {
      switch item.result {
      case .success(let finding): report.add(finding)
      case .failure(let error):
        report.bad.append(
          BadImage(index: item.index, path: item.input.displayName, reason: "\(error)".onOneLine))
      }
      report.imageCount += 1
      progress(report.imageCount)
    }
    return report
  }
}

extension DatasetCheck.Report {
  fileprivate mutating func add(_ finding: DatasetCheck.Finding) {
    let size = finding.size
    formats[finding.format, default: 0] += 1
    if let sizeClass = Self.shorterSides.lastIndex(where: { $0 <= size.shorterSide }) {
      sizes[sizeClass] += 1
    }
    let (least, most) = (smallest ?? size, largest ?? size)
    smallest = Size(height: min(least.height, size.height), width: min(least.width, size.width))
    largest = Size(height: max(most.height, size.height), width: max(most.width, size.width))
    encodedBytes += finding.encodedBytes
    decodedBytes += 3 * (size.pixels ?? 0)
  }
}
