/// An image of 8-bit RGB pixels, row by row, the three channels of a pixel side by side.
///
/// A value type: copies share their storage until one of them is changed.
public struct PixelBuffer: Sendable, Equatable {
  /// The size.
  public let size: Size
  /// The bytes, `[height, width, 3]` in row-major order.
  public private(set) var storage: [UInt8]

  /// The number of rows.
  public var height: Int { size.height }
  /// The number of columns.
  public var width: Int { size.width }

  /// Creates an image from its bytes.
  ///
  /// - Parameters:
  ///   - size: The size; both sides at least 1.
  ///   - storage: The bytes, `[height, width, 3]` in row-major order.
  /// - Throws: ``ImageError/usage(problem:)`` if the number of bytes does not fit the size.
  public init(size: Size, storage: [UInt8]) throws(ImageError) {
    let count = try PixelBuffer.byteCount(of: size)
    guard storage.count == count else {
      throw .usage(
        problem: "an image of \(size) needs \(count) bytes of RGB, but \(storage.count) were given")
    }
    self.size = size
    self.storage = storage
  }

  /// Creates an image of one colour.
  ///
  /// - Parameters:
  ///   - size: The size; both sides at least 1.
  ///   - fill: The colour.
  /// - Throws: ``ImageError/usage(problem:)`` if a side is not positive or the image too large.
  public init(size: Size, fill: RGB) throws(ImageError) {
    self = try PixelBuffer(making: size) { bytes throws(ImageError) in
      for index in stride(from: 0, to: bytes.count, by: 3) {
        bytes[index] = fill.red
        bytes[index + 1] = fill.green
        bytes[index + 2] = fill.blue
      }
    }
  }

  /// Creates an image by writing into uninitialised memory; the closure must set every byte.
  package init(
    making size: Size,
    _ fill: (UnsafeMutableBufferPointer<UInt8>) throws(ImageError) -> Void
  ) throws(ImageError) {
    let count = try PixelBuffer.byteCount(of: size)
    var failure: ImageError?
    storage = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(ImageError) {
        try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        initialized = count
      } catch { failure = error }
    }
    if let failure { throw failure }
    self.size = size
  }

  /// The most bytes that an image may take, 16 GiB.
  private static let largestByteCount = 1 << 34

  /// The number of bytes of an image, checked.
  package static func byteCount(of size: Size) throws(ImageError) -> Int {
    guard size.height > 0, size.width > 0, let pixels = size.pixels,
      pixels <= largestByteCount / 3
    else {
      throw .usage(
        problem: "an image of \(size) cannot be made; both sides must be at least 1 "
          + "and the bytes at most \(largestByteCount)")
    }
    return 3 * pixels
  }

  /// The colour at a position, or nil outside the image.
  ///
  /// - Parameters:
  ///   - row: The row, from 0.
  ///   - column: The column, from 0.
  /// - Returns: The colour, or nil.
  public func color(row: Int, column: Int) -> RGB? {
    guard row >= 0, row < height, column >= 0, column < width else { return nil }
    let index = 3 * (row * width + column)
    return RGB(storage[index], storage[index + 1], storage[index + 2])
  }

  /// Sets the colour at a position; outside the image nothing happens.
  ///
  /// - Parameters:
  ///   - color: The colour.
  ///   - row: The row.
  ///   - column: The column.
  public mutating func setColor(_ color: RGB, row: Int, column: Int) {
    guard row >= 0, row < height, column >= 0, column < width else { return }
    let index = 3 * (row * width + column)
    storage[index] = color.red
    storage[index + 1] = color.green
    storage[index + 2] = color.blue
  }

  /// Calls a closure with the bytes, `[height, width, 3]`.
  ///
  /// - Parameter body: Reads the bytes; must not keep the pointer.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try storage.withUnsafeBufferPointer(body)
  }

  /// Calls a closure with the bytes, `[height, width, 3]`, which it may change.
  ///
  /// - Parameter body: Reads and writes the bytes; must not keep the pointer.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public mutating func withUnsafeMutableBytes<Result, Failure: Error>(
    _ body: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var outcome: Swift.Result<Result, Failure>?
    storage.withUnsafeMutableBufferPointer { buffer in
      do throws(Failure) {
        outcome = .success(try body(buffer))
      } catch { outcome = .failure(error) }
    }
    // The closure above has run exactly once.
    guard let outcome else { preconditionFailure("withUnsafeMutableBufferPointer ran no closure") }
    return try outcome.get()
  }
}
