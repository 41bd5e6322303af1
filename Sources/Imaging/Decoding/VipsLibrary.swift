internal import CVips

/// libvips, started once for the process.
enum VipsLibrary {
  private static let status: Int32 = vc_start()

  /// Starts libvips on first use.
  static func start(file: String) throws(ImageError) {
    guard status == 0 else {
      throw .unsupported(
        file: file, problem: "libvips could not be started (\(takeError())); reinstall libvips")
    }
  }

  /// Forgets warnings.
  static func clearError() { vc_take_error(nil, 0) }

  /// The reason of the last failure, on one line; clears it.
  ///
  /// libvips keeps one text for all threads: when several images fail at the same instant, a message
  /// may carry the reason of another. The verdict on each file is not affected.
  static func takeError() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
      vc_take_error(text.baseAddress, text.count)
      let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      let reason = String(decoding: bytes, as: UTF8.self).onOneLine
      return reason.isEmpty ? "no reason was given" : reason
    }
  }
}
