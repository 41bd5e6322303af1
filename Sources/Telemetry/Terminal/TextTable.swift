/// A table of aligned columns in plain text.
///
///     var table = TextTable([.left("MODEL"), .right("PARAMETERS")])
///     table.append(["dinov2_vits14", "22,056,576"])
///     print(table)
public struct TextTable: Sendable, CustomStringConvertible {
  /// A column: its heading and the side its cells stand at.
  public struct Column: Sendable {
    fileprivate let heading: String
    fileprivate let isRight: Bool

    /// A column of text.
    ///
    /// - Parameter heading: The heading; if all are empty the table has no line of headings.
    /// - Returns: A column whose cells begin at one line.
    public static func left(_ heading: String) -> Column {
      Column(heading: heading.onOneLine, isRight: false)
    }

    /// A column of numbers.
    ///
    /// - Parameter heading: The heading.
    /// - Returns: A column whose cells end at one line.
    public static func right(_ heading: String) -> Column {
      Column(heading: heading.onOneLine, isRight: true)
    }
  }

  private let columns: [Column]
  private var rows: [[String]] = []

  /// Creates an empty table.
  ///
  /// - Parameter columns: The columns, from the left.
  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row at the end.
  ///
  /// - Parameter cells: The cells; missing ones are empty, those beyond the last column are left off.
  public mutating func append(_ cells: [String]) {
    let known = cells.prefix(columns.count).map(\.onOneLine)
    rows.append(known + Array(repeating: "", count: columns.count - known.count))
  }

  /// The table without styles; lines end without blanks, the last one without a line break.
  public var description: String { lines(heading: { $0 }).joined(separator: "\n") }

  /// The table for an output: the headings are bold where it shows styles.
  ///
  /// - Parameter terminal: The output.
  /// - Returns: The lines, without a line break after the last one.
  public func rendered(for terminal: Terminal) -> String {
    lines { terminal.styled($0, .bold) }.joined(separator: "\n")
  }

  private func lines(heading style: (String) -> String) -> [String] {
    var widths = columns.map { $0.heading.displayWidth }
    for row in rows {
      for (index, cell) in row.enumerated() {
        widths[index] = max(widths[index], cell.displayWidth)
      }
    }
    let body = rows.map { line($0, widths) }
    guard columns.contains(where: { !$0.heading.isEmpty }) else { return body }
    return [style(line(columns.map(\.heading), widths))] + body
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var result = ""
    for (index, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[index] - cell.displayWidth)
      if index > 0 { result += "  " }
      result += columns[index].isRight ? padding + cell : cell + padding
    }
    while result.last == " " { result.removeLast() }
    return result
  }
}
