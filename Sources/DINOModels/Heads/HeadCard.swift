internal import CheckpointFormats

/// The model card of a head, `README.md`: what it is, how it came about, how good it is, how it is used.
public struct HeadCard: Sendable {
  /// What the head is.
  public var config: HeadConfig
  /// The number of values in its weights.
  public var parameterCount = 0
  /// The command that trained it.
  public var command: String?
  /// The command that uses it.
  public var usage: String?
  /// Results: a name, a value and what it was measured on.
  public var results: [(name: String, value: String, source: String)] = []
  /// Further remarks, one paragraph each.
  public var remarks: [String] = []

  /// Begins a card.
  ///
  /// - Parameter config: What the head is.
  public init(_ config: HeadConfig) { self.config = config }

  /// The card as Markdown.
  ///
  /// - Parameter title: The head's name.
  /// - Returns: The text.
  public func markdown(title: String) -> String {
    let backbone = config.backbone
    var lines = [
      "# \(Self.plain(title))", "",
      "A \(config.head.type) head for \(config.task.rawValue) on frozen features of "
        + "\(Self.plain(backbone.name)), trained by swift-dinov2.", "",
      "| | |", "|---|---|",
      "| Backbone | \(Self.plain(backbone.summary)) |",
      "| Takes | blocks \(backbone.blocks.map(String.init).joined(separator: ", ")) of "
        + "0 to \(backbone.depth - 1), \(backbone.normalize ? "after" : "without") the final norm |",
      "| Parameters | \(parameterCount) |", "| Input | \(input) |",
    ]
    if let training = config.training {
      lines += [
        "| Data | \(Self.plain(training.data)): \(training.images) images, and \(training.heldOut) "
          + "to choose on |",
        "| Training | \(training.steps) steps of \(training.batch) images, learning rate "
          + "\(training.learningRate), seed \(training.seed) |",
      ]
    }
    if let classes = config.classes {
      lines += ["", "Classes from 0: \(classes.map(Self.plain).joined(separator: ", "))."]
    }
    if !results.isEmpty {
      lines += ["", "## Results", "", "| | | measured on |", "|---|---|---|"]
      lines += results.map { "| \($0.name) | \($0.value) | \(Self.plain($0.source)) |" }
    }
    for remark in remarks { lines += ["", Self.plain(remark)] }
    let commands = [usage, command].compactMap { $0 }
    if !commands.isEmpty {
      lines += ["", "## Commands", "", "```"] + commands.map(Self.plain) + ["```"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var input: String {
    let preprocessing = config.preprocessing
    let size =
      preprocessing.resize.map { "shorter side \($0) pixels, \(preprocessing.interpolation)" }
      ?? "images as they are"
    let part =
      preprocessing.crop.map { "centre crop \($0)" }
      ?? "padded to whole patches of \(config.backbone.patchSize)"
    return "\(size), \(part), ImageNet's mean and deviation unless config.json says otherwise"
  }

  /// The text on one line, fit for a cell of a table.
  private static func plain(_ text: String) -> String {
    text.map { $0.isNewline ? " " : $0 == "|" ? "\\|" : String($0) }.joined()
  }
}
