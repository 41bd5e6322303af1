internal import Foundation

/// The list of golden cases, `index.json`.
struct GoldenIndex: Decodable, Sendable {
  struct File: Decodable, Sendable {
    let path: String
    let bytes: Int
  }

  struct Rule: Decodable, Sendable {
    let glob: String
    let value: Double

    init(from decoder: any Decoder) throws {
      var pair = try decoder.unkeyedContainer()
      glob = try pair.decode(String.self)
      value = try pair.decode(Double.self)
    }
  }

  struct Tolerance: Decodable, Sendable {
    let standard: Double
    let overrides: [Rule]

    enum CodingKeys: String, CodingKey {
      case standard = "default"
      case overrides
    }
  }

  struct Case: Decodable, Sendable {
    let name: String
    let files: [File]
    let config: JSONValue
    let tolerance: Tolerance
  }

  let cases: [Case]

  /// The folder of the cases.
  static let folder: String =
    ProcessInfo.processInfo.environment["GOLDEN_DIR"].flatMap { $0.isEmpty ? nil : $0 }
    ?? TestData.packageRoot + "/Tests/Fixtures/golden"

  /// The index, read once.
  static let shared: Result<GoldenIndex, GoldenError> = {
    let path = folder + "/index.json"
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      return .success(try JSONDecoder().decode(GoldenIndex.self, from: data))
    } catch {
      return .failure(
        GoldenError(
          "\(path) cannot be read (\(error)); set GOLDEN_DIR or restore Tests/Fixtures/golden"))
    }
  }()
}
