internal import Crypto
internal import Foundation
internal import Glibc

/// A new file that is written once from the front to the back, hashed on the way, and flushed.
///
/// An object that goes away before ``finish()`` closes the file and leaves it where it is: its folder is
/// temporary and is removed as a whole.
final class DurableFile {
  /// Bytes are hashed and written in parts of this size, so that a part is still in the cache when the
  /// system copies it.
  private static let partSize = 1 << 20

  private let files: any FileOperations
  private var descriptor: Int32?
  private var hash = SHA256()
  private var position = 0

  /// Creates the file and takes room for all of it, so that a full disk is known before the first byte.
  init(_ path: String, byteCount: Int, files: any FileOperations) throws(SystemFailure) {
    self.files = files
    let descriptor = try Self.retrying { () throws(SystemFailure) in try files.createFile(path) }
    self.descriptor = descriptor
    try Self.retrying { () throws(SystemFailure) in try files.allocate(descriptor, byteCount) }
  }

  deinit {
    guard let descriptor else { return }
    try? files.close(descriptor)
  }

  /// Appends bytes.
  func write(_ bytes: [UInt8]) throws(SystemFailure) {
    let result = unsafe bytes.withUnsafeBytes { buffer -> Result<Void, SystemFailure> in
      do throws(SystemFailure) {
        return .success(unsafe try write(buffer))
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// Appends bytes without a copy.
  func write(_ bytes: UnsafeRawBufferPointer) throws(SystemFailure) {
    var start = 0
    while start < bytes.count {
      let end = min(start + Self.partSize, bytes.count)
      let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      unsafe hash.update(bufferPointer: part)
      unsafe try writePart(part)
      start = end
    }
  }

  private func writePart(_ part: UnsafeRawBufferPointer) throws(SystemFailure) {
    guard let descriptor else { throw SystemFailure(EBADF) }
    var done = 0
    while done < part.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: part[done...])
      let count: Int
      do throws(SystemFailure) {
        count = unsafe try files.write(descriptor, rest, at: position)
      } catch {
        if error.code == EINTR { continue }
        throw error
      }
      // A regular file takes nothing without an error only if there is no room left.
      guard count > 0 else { throw SystemFailure(ENOSPC) }
      done += count
      position += count
    }
  }

  /// Flushes and closes the file.
  ///
  /// An error of the flush is final: the system may have dropped the bytes, so trying again would only
  /// seem to help.
  ///
  /// - Returns: The number of bytes and their SHA-256 in hexadecimal digits.
  func finish() throws(SystemFailure) -> (size: Int, sha256: String) {
    guard let descriptor else { throw SystemFailure(EBADF) }
    try files.flush(descriptor)
    self.descriptor = nil
    try files.close(descriptor)
    return (position, hash.finalize().hexadecimal)
  }

  /// Calls again what a signal interrupted.
  private static func retrying<Value>(
    _ call: () throws(SystemFailure) -> Value
  ) throws(SystemFailure) -> Value {
    while true {
      do throws(SystemFailure) { return try call() } catch {
        if error.code != EINTR { throw error }
      }
    }
  }
}

extension SHA256.Digest {
  /// 64 lower-case hexadecimal digits.
  var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * SHA256.Digest.byteCount)
    for byte in self { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}
