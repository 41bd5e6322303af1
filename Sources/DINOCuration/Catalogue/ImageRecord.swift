internal import Crypto
public import Imaging

/// The SHA-256 of the bytes of an image.
public struct ContentDigest: Sendable, Hashable {
  private let words: SIMD4<UInt64>

  /// Hashes bytes.
  init(of bytes: [UInt8]) {
    self.init(bytes: Array(SHA256.hash(data: bytes)))
  }

  private init(bytes: [UInt8]) {
    var words = SIMD4<UInt64>.zero
    for (index, byte) in bytes.enumerated() {
      words[index / 8] |= UInt64(byte) << UInt64(56 - 8 * (index % 8))
    }
    self.words = words
  }

  /// Reads 64 hexadecimal digits; nil for anything else.
  init?(hexadecimal text: ArraySlice<UInt8>) {
    guard text.count == 64 else { return nil }
    var words = SIMD4<UInt64>.zero
    for (index, digit) in text.enumerated() {
      let value: UInt8
      switch digit {
      case 0x30...0x39: value = digit - 0x30
      case 0x61...0x66: value = digit - 0x57
      default: return nil
      }
      words[index / 16] = words[index / 16] << 4 | UInt64(value)
    }
    self.words = words
  }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    (0..<32).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(56 - 8 * ($0 % 8))) }
  }

  /// 64 hexadecimal digits.
  public var text: String {
    (0..<4).map { index in
      let digits = String(words[index], radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
  }
}

/// What was found in the bytes of an image.
public struct ImageRecord: Sendable, Equatable {
  /// Why an image has no row.
  public struct Problem: Sendable, Equatable {
    /// Who is to blame.
    public enum Kind: String, Sendable, CaseIterable {
      /// The image: it is damaged, too large, or no image.
      case image
      /// The system: the file could not be read, which may be otherwise next time.
      case system
      /// The row: it holds NaN, an infinity, or a value that the precision cannot hold.
      case row
    }

    /// Who is to blame.
    public var kind: Kind
    /// What happened, one line.
    public var reason: String
  }

  /// The number of bytes of the encoded image; nil if it was not read.
  public var byteCount: Int?
  /// The hash of the bytes; nil if they were not read.
  public var digest: ContentDigest?
  /// The size in pixels; nil if it was not decoded.
  public var size: Size?
  /// The file format; nil if it was not decoded.
  public var format: ImageFormat?
  /// Brightness and sharpness; nil if it was not decoded.
  public var traits: ImageTraits?
  /// Why there is no row; nil if there is one.
  public var problem: Problem?

  /// Nothing known.
  init() {}

  /// The number of fields of ``line``.
  static let fieldCount = 8

  /// The record as a line of a file.
  var line: String {
    [
      byteCount.map { "\($0)" } ?? "", digest?.text ?? "",
      size.map { "\($0.width)x\($0.height)" } ?? "",
      format?.rawValue ?? "", traits.map { "\($0.luma)" } ?? "",
      traits.map { "\($0.sharpness)" } ?? "", problem?.kind.rawValue ?? "",
      problem?.reason.asField ?? "",
    ].joined(separator: "\t")
  }

  /// Reads ``line``; nil if it is none.
  init?(_ fields: [ArraySlice<UInt8>]) {
    guard fields.count == Self.fieldCount else { return nil }
    if !fields[0].isEmpty {
      guard let count = Int(fields[0].text), count >= 0 else { return nil }
      byteCount = count
    }
    if !fields[1].isEmpty {
      guard let digest = ContentDigest(hexadecimal: fields[1]) else { return nil }
      self.digest = digest
    }
    if !fields[2].isEmpty {
      let sides = fields[2].split(separator: UInt8(ascii: "x")).compactMap { Int($0.text) }
      guard sides.count == 2, sides[0] > 0, sides[1] > 0 else { return nil }
      size = Size(height: sides[1], width: sides[0])
    }
    if !fields[3].isEmpty {
      guard let format = ImageFormat(rawValue: fields[3].text) else { return nil }
      self.format = format
    }
    if !fields[4].isEmpty {
      guard let luma = Float(fields[4].text), let sharpness = Float(fields[5].text) else {
        return nil
      }
      traits = ImageTraits(luma: luma, sharpness: sharpness)
    }
    if !fields[6].isEmpty {
      guard let kind = Problem.Kind(rawValue: fields[6].text) else { return nil }
      problem = Problem(kind: kind, reason: fields[7].text)
    }
  }
}
