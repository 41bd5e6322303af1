internal import Foundation

extension TrainingConfig {
  /// Resolves a configuration: defaults, then a preset, then a file, then overrides.
  ///
  /// Meta's own files are taken as they are. Keys that do not exist, values of another type, keys
  /// that are given twice and YAML anchors are refused; nothing is silently left out. Whether the
  /// values make sense together is the business of ``validate()``.
  ///
  /// - Parameters:
  ///   - preset: What to start from; nil for Meta's defaults.
  ///   - file: The path of a YAML file with some or all keys.
  ///   - overrides: `key=value` with dotted keys and values in YAML, such as `optim.base_lr=1e-3`
  ///     or `crops.local_crops_scale=[0.05, 0.25]`.
  /// - Returns: The configuration.
  /// - Throws: ``ConfigurationError`` that lists every problem with its place.
  public static func load(
    preset: TrainingPreset? = nil, file: String? = nil, overrides: [String] = []
  ) throws(ConfigurationError) -> TrainingConfig {
    let document = try file.map { path throws(ConfigurationError) in
      try ConfigDocument(file: path)
    }
    return try resolved(preset?.config, document, overrides)
  }

  /// Resolves a configuration from the text of a YAML file.
  ///
  /// - Parameters:
  ///   - yaml: The text.
  ///   - name: What messages call it.
  ///   - preset: What to start from; nil for Meta's defaults.
  /// - Throws: ``ConfigurationError`` that lists every problem with its place.
  public init(
    yaml: String, name: String = "configuration", preset: TrainingPreset? = nil
  ) throws(ConfigurationError) {
    self = try Self.resolved(preset?.config, ConfigDocument(text: yaml, place: name), [])
  }

  /// The same configuration with some keys changed.
  ///
  /// - Parameter overrides: `key=value`, as for ``load(preset:file:overrides:)``.
  /// - Returns: The configuration.
  /// - Throws: ``ConfigurationError`` that lists every problem.
  public func changed(by overrides: [String]) throws(ConfigurationError) -> TrainingConfig {
    try Self.resolved(self, nil, overrides)
  }

  private static func resolved(
    _ start: TrainingConfig?, _ document: ConfigDocument?, _ overrides: [String]
  ) throws(ConfigurationError) -> TrainingConfig {
    var merger = ConfigMerger((start ?? TrainingConfig()).tree, form: form)
    if let document { merger.apply(document) }
    for override in overrides { merger.apply(override: override) }
    guard merger.problems.isEmpty else { throw .invalid(problems: merger.problems) }
    do {
      return try JSONDecoder().decode(
        TrainingConfig.self, from: JSONEncoder().encode(merger.tree))
    } catch {
      // The merger has checked keys, types and choices: what is left is a mistake of this package.
      throw .invalid(problems: ["the merged values do not decode: \(error)"])
    }
  }
}
