internal import CVips

extension ImageDecoder {
  /// Whether files of a format can be decoded here; libvips may lack some.
  ///
  /// - Parameter format: The format.
  /// - Returns: Whether a decoder is installed.
  public static func canDecode(_ format: ImageFormat) -> Bool {
    let loader: String
    switch format {
    case .webp: loader = "webpload_buffer"
    case .avif, .heif: loader = "heifload_buffer"
    case .jpeg2000: loader = "jp2kload_buffer"
    case .tiff: loader = "tiffload_buffer"
    default: return true
    }
    guard (try? VipsLibrary.start(file: format.rawValue)) != nil else { return false }
    return vc_has_loader(loader) != 0
  }
}
