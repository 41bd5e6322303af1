internal import CheckpointFormats
internal import DINOData

/// What the catalogue knows of one image.
struct GalleryRecord: Sendable, Equatable {
  /// Where a descriptor lies.
  struct Place: Sendable, Hashable, Comparable {
    /// The segment.
    var segment: Int
    /// The row in it.
    var row: Int

    static func < (one: Place, other: Place) -> Bool {
      (one.segment, one.row) < (other.segment, other.row)
    }
  }

  /// The absolute path, which tells images apart.
  var location: RawPath
  /// The path as it was given.
  var name: RawPath
  /// Size and time of the file when it was read.
  var stamp: FileStamp
  /// When it was read, in nanoseconds since 1970.
  var checked: Int
  /// The SHA-256 of its bytes; empty if they could not be read.
  var content: [UInt8]
  /// Where its descriptor lies; nil if it has none.
  var place: Place?
  /// Why it has none.
  var problem: String?

  /// Whether a file with another stamp needs no look at its bytes.
  ///
  /// A file that was changed right before it was read may have been changed right after with the same
  /// time, so its time proves nothing.
  func isCurrent(_ other: FileStamp) -> Bool {
    stamp == other && stamp.modified < checked - FileStamp.grain
  }

  /// A hash of everything, which tells a damaged row.
  var checksum: String {
    var hash = ContentHash()
    hash.add(location.bytes)
    hash.add(name.bytes)
    for number in [
      stamp.size, stamp.modified, checked, place?.segment ?? -1, place?.row ?? -1,
    ] { hash.add(UInt64(bitPattern: Int64(number))) }
    hash.add(content)
    hash.add(problem ?? "")
    return hash.text
  }
}
