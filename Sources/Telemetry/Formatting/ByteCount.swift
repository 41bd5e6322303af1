/// A count of bytes that prints in decimal units, as sizes of files are given by the hosts of weights.
public struct ByteCount: Sendable, Hashable, CustomStringConvertible {
  /// The number of bytes.
  public var bytes: Int

  /// Creates a count.
  ///
  /// - Parameter bytes: The number of bytes.
  public init(_ bytes: Int) { self.bytes = bytes }

  /// For example `999 B`, `1.0 kB`, `88.3 MB` or `4.5 GB`; a kB is 1,000 bytes.
  public var description: String {
    guard bytes.magnitude >= 1_000 else { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = "B"
    // 999.95 and more would round to "1000.0", which belongs to the next unit.
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
    for next in units where unit == "B" || value.magnitude >= 999.95 {
      value /= 1_000
      unit = next
    }
    return NumberFormat.fixed(value, decimals: 1) + " " + unit
  }
}
