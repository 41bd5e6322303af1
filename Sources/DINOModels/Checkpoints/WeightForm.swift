/// The form in which a backbone's weights are written: whose names, which numbers, what around them.
public struct WeightForm: Equatable, Sendable {
  /// The type of the stored numbers.
  public enum ElementType: String, CaseIterable, Sendable {
    /// 32 bits.
    case float32
    /// 16 bits, 11 of them precision; largest number 65504.
    case float16
    /// 16 bits, 8 of them precision; the range of float32.
    case bfloat16
  }

  /// Whose names the tensors get.
  public var style: KeyStyle
  /// The type of the stored numbers.
  public var elementType = ElementType.float32
  /// Whether the file is what training of the original writes for evaluation,
  /// `teacher_checkpoint.pth`: `{"teacher": {"backbone.cls_token": …}}`.
  public var isTeacherCheckpoint = false
  /// The number of groups that block names are written in, as training of the original does; 0
  /// writes `blocks.{i}`, as in the released files.
  public var blockChunks = 0

  /// Creates a form with numbers of 32 bits and nothing around the tensors.
  ///
  /// - Parameters:
  ///   - style: Whose names the tensors get.
  ///   - elementType: The type of the stored numbers.
  public init(_ style: KeyStyle, _ elementType: ElementType = .float32) {
    self.style = style
    self.elementType = elementType
  }
}

/// The container that the ending of a file's name asks for.
enum WeightContainer: Equatable {
  case safetensors
  case torch

  /// Reads the ending.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``ModelError`` if the ending is not one of those that are written.
  init(path: String) throws(ModelError) {
    switch Self.ending(of: path) {
    case "safetensors": self = .safetensors
    case "pth", "bin": self = .torch
    case let ending:
      let found = ending.map { "the ending .\($0)" } ?? "no ending"
      throw .unsupported(
        format: path, problem: "\(found) names no weight file: use .safetensors, .pth or .bin")
    }
  }

  /// The part of a file's name after its last dot, or `nil` if there is none.
  static func ending(of path: String) -> String? {
    let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
    return String(name[name.index(after: dot)...]).lowercased()
  }
}
