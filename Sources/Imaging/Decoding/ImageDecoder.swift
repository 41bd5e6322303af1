internal import Glibc

/// Reads image files as 8-bit RGB, with the pixels that the original sees.
///
/// The original opens an image with Pillow and calls `convert("RGB")`. The same here: transparency is
/// dropped, not blended; palettes and grey are expanded; grey of 16 bits is clipped at 255; of colour with
/// 16 bits the high byte is kept; printing inks are converted without a profile; colour profiles are
/// ignored; and the EXIF orientation is not applied unless asked for.
///
/// The format is found by the first bytes and must be one of ``ImageFormat``; limits are checked on the
/// header. Any number of threads may decode at once; each image is decoded on the calling thread.
///
///     let image = try ImageDecoder().decode(path: "photo.jpg")
public struct ImageDecoder: Sendable, Hashable {
  /// What an image may take.
  public var limits: ImageLimits
  /// Whether the image is turned as its EXIF orientation says.
  public var appliesOrientation: Bool
  /// Whether a file that is cut short or slightly damaged gives what can be read of it.
  ///
  /// Otherwise it is refused where Pillow refuses it.
  public var isLenient: Bool

  /// Creates a decoder.
  ///
  /// - Parameters:
  ///   - limits: What an image may take.
  ///   - appliesOrientation: Whether the image is turned as its EXIF orientation says.
  ///   - isLenient: Whether a file that is cut short gives what can be read of it.
  public init(
    limits: ImageLimits = .standard, appliesOrientation: Bool = false, isLenient: Bool = false
  ) {
    self.limits = limits
    self.appliesOrientation = appliesOrientation
    self.isLenient = isLenient
  }

  /// Decodes a file.
  ///
  /// - Parameter path: The path of a regular file; symbolic links are followed.
  /// - Returns: The image, or its first frame.
  /// - Throws: ``ImageError``, whose message names the file.
  public func decode(path: String) throws(ImageError) -> PixelBuffer {
    try decode(bytes: EncodedFile.read(path: path, limit: limits.encodedBytes), name: path)
  }

  /// The factors by which a JPEG file can be decoded smaller than it is.
  ///
  /// A block of 8 × 8 coefficients then gives 4 × 4, 2 × 2 or one pixel.
  public static let reductions = [1, 2, 4, 8]

  /// Decodes an encoded image in memory.
  ///
  /// A JPEG file can be decoded smaller than it is, which takes a part of the time and memory: each pixel
  /// is about the mean of those that it stands for. Files of other formats keep their size.
  ///
  /// - Parameters:
  ///   - bytes: The contents of an image file.
  ///   - name: What messages call the image.
  ///   - reducing: Chooses, from the size as stored, one of ``reductions`` by which the sides of a JPEG
  ///     file are divided; they are rounded up. The limits count for the size as stored.
  /// - Returns: The image, or its first frame.
  /// - Throws: ``ImageError``, of which ``ImageError/usage(problem:)`` if there is no such reduction.
  public func decode(
    bytes: [UInt8], name: String = "image", reducing: (Size) -> Int = { _ in 1 }
  ) throws(ImageError) -> PixelBuffer {
    let source = try source(of: bytes, name: name)
    let info = try source.info()
    try limits.check(info.size, file: name)
    let reduction = reducing(info.size)
    guard Self.reductions.contains(reduction) else {
      throw .usage(
        problem: "\(name) was to be decoded smaller by \(reduction); expected 1, 2, 4 or 8")
    }
    let image = try source.decode(info, reducedBy: reduction)
    return appliesOrientation ? try image.oriented(info.orientation) : image
  }

  /// Reads the header of a file, without decoding pixels.
  ///
  /// - Parameter path: The path of a regular file.
  /// - Returns: Format, size, colour mode and orientation; the limits on size are not applied.
  /// - Throws: ``ImageError``, whose message names the file.
  public func probe(path: String) throws(ImageError) -> ImageInfo {
    try probe(bytes: EncodedFile.read(path: path, limit: limits.encodedBytes), name: path)
  }

  /// Reads the header of an encoded image in memory, without decoding pixels.
  ///
  /// - Parameters:
  ///   - bytes: The contents of an image file.
  ///   - name: What messages call the image.
  /// - Returns: Format, size, colour mode and orientation; the limits on size are not applied.
  /// - Throws: ``ImageError``.
  public func probe(bytes: [UInt8], name: String = "image") throws(ImageError) -> ImageInfo {
    try source(of: bytes, name: name).info()
  }

  private func source(of bytes: [UInt8], name: String) throws(ImageError) -> any ImageSource {
    guard bytes.count <= limits.encodedBytes else {
      throw .tooLarge(
        file: name,
        problem: "has \(bytes.count) bytes; at most \(limits.encodedBytes) are read, "
          + "raise limits.encodedBytes")
    }
    guard !bytes.isEmpty else { throw .damaged(file: name, problem: "is empty") }
    guard let format = ImageFormat.detect(bytes) else {
      throw .unsupported(
        file: name,
        problem:
          "is no image that can be read; its first bytes are \(bytes.prefix(8).hexadecimal). "
          + "Expected one of \(ImageFormat.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let encoded = EncodedImage(
      bytes: bytes, file: name, format: format, limits: limits, isLenient: isLenient)
    switch format {
    case .bmp: return try BMPSource(encoded)
    case .pnm: return try PNMSource(encoded)
    case .jpeg: return try JPEGSource(encoded)
    case .tiff: return try TIFFSource(encoded)
    case .png: return try PNGSource(encoded)
    case .gif: return try GIFSource(encoded)
    case .qoi: return try QOISource(encoded)
    case .ico: return try ICOSource(encoded)
    default: return try VipsSource(encoded)
    }
  }
}

/// Encoded bytes and what is to be observed when they are read.
struct EncodedImage: Sendable {
  let bytes: [UInt8]
  let file: String
  let format: ImageFormat
  let limits: ImageLimits
  let isLenient: Bool

  func damaged(_ problem: String) -> ImageError { .damaged(file: file, problem: problem) }
  func unsupported(_ problem: String) -> ImageError { .unsupported(file: file, problem: problem) }
}

/// One encoded image, opened.
protocol ImageSource {
  /// What the header says.
  func info() throws(ImageError) -> ImageInfo
  /// Decodes the pixels; called once, after the limits were checked.
  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer
  /// Decodes the pixels, with sides divided by a factor if the format allows; called instead.
  func decode(_ info: ImageInfo, reducedBy reduction: Int) throws(ImageError) -> PixelBuffer
}

extension ImageSource {
  func decode(
    _ info: ImageInfo, reducedBy reduction: Int
  ) throws(ImageError) -> PixelBuffer {
    try decode(info)
  }
}

extension Collection<UInt8> {
  /// The bytes as text, for messages.
  var hexadecimal: String {
    map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }
}

/// Reads whole files of limited size.
enum EncodedFile {
  static func read(path: String, limit: Int) throws(ImageError) -> [UInt8] {
    guard !path.utf8.contains(0) else {
      throw .file(file: path, problem: "is no path: it holds a zero byte")
    }
    // Not blocking, so that a pipe is refused instead of waited for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(path, "cannot be opened") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(path, "cannot be examined") }
    guard status.st_mode & S_IFMT == S_IFREG, let size = Int(exactly: status.st_size) else {
      throw .file(file: path, problem: "is not a regular file; an image file was expected")
    }
    guard size <= limit else {
      throw .tooLarge(
        file: path,
        problem: "has \(size) bytes; at most \(limit) are read, raise limits.encodedBytes")
    }
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size, let base = buffer.baseAddress {
        let got = Glibc.read(descriptor, base + count, size - count)
        if got < 0, errno == EINTR { continue }
        failed = got < 0
        guard got > 0 else { break }
        count += got
      }
    }
    if failed { throw .system(path, "cannot be read") }
    return bytes
  }
}

extension ImageError {
  /// An error of the file system, with the system's reason.
  static func system(_ path: String, _ problem: String) -> ImageError {
    let reason = strerror(errno).map { String(validatingCString: $0) ?? "" } ?? ""
    return .file(file: path, problem: "\(problem): \(reason)")
  }
}
