/// What the numbers of mask files mean: a class, nothing, or a mistake.
struct LabelTable: Sendable {
  /// Stands for pixels that count nowhere.
  static let ignored = UInt16.max
  /// Stands for numbers that are no class.
  static let unknown = UInt16.max - 1
  /// The most classes.
  static let mostClasses = 65_000

  private var entries: [UInt16]

  /// Every number that is an index of a class is that class; 255 is ignored, or 65535 where there are
  /// so many classes that 255 is one.
  ///
  /// - Parameter classes: The number of classes, at most ``mostClasses``.
  init(classes: Int) {
    entries = [UInt16](repeating: Self.unknown, count: 1 << 16)
    entries[classes > 255 ? 65_535 : 255] = Self.ignored
    for label in 0..<min(classes, Self.mostClasses) { entries[label] = UInt16(label) }
  }

  /// Chosen numbers are classes, all others up to 255 are ignored.
  ///
  /// - Parameter classes: The class of each number.
  init(_ classes: [Int: Int]) {
    entries = [UInt16](repeating: Self.unknown, count: 1 << 16)
    for value in 0...255 { entries[value] = Self.ignored }
    for (value, label) in classes where entries.indices.contains(value) {
      entries[value] = UInt16(clamping: label)
    }
  }

  /// Class 0 is ignored and all others move down by one, as ADE20K wants it.
  ///
  /// - Parameter classes: The number of classes.
  init(reducingZero classes: Int) {
    entries = [UInt16](repeating: Self.unknown, count: 1 << 16)
    entries[0] = Self.ignored
    entries[255] = Self.ignored
    for label in 0..<min(classes, 254) { entries[label + 1] = UInt16(label) }
  }

  /// Makes a class count nowhere.
  mutating func ignore(class label: Int) {
    for value in entries.indices where Int(entries[value]) == label {
      entries[value] = Self.ignored
    }
  }

  /// What a number means.
  subscript(value: UInt16) -> UInt16 { entries[Int(value)] }
}
