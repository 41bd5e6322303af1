/// A part of a section of a report.
public enum ReportBlock: Sendable {
  /// Paragraphs, separated by empty lines; what stands between backquotes is shown as code.
  case text(String)
  /// A list of short texts.
  case list([String])
  /// A text that stands out.
  case note(String)
  /// The few numbers that matter, in large letters.
  case keyFigures([KeyFigure])
  /// A table.
  case table(ReportTable)
  /// One picture, or several beside each other where there is room.
  case figures([ReportFigure])
  /// Commands or other text in letters of one width, with a caption that may be empty.
  case code(String, caption: String)
}

/// A number that matters.
public struct KeyFigure: Sendable, Equatable {
  /// What it is.
  public var label: String
  /// The number with its unit.
  public var value: String
  /// What it is compared with, or how it came about; empty for none.
  public var detail: String

  /// Creates a figure.
  ///
  /// - Parameters:
  ///   - label: What it is.
  ///   - value: The number with its unit.
  ///   - detail: What it is compared with; empty for none.
  public init(_ label: String, _ value: String, detail: String = "") {
    self.label = label
    self.value = value
    self.detail = detail
  }
}

/// A table of a report.
public struct ReportTable: Sendable, Equatable {
  /// The text above the table; empty for none.
  public var caption: String
  /// The headings of the columns.
  public var columns: [String]
  /// The cells by row; missing ones are empty, those beyond the last column are left off.
  public var rows: [[String]]

  /// Creates a table; columns in which every cell is a number stand at the right.
  ///
  /// - Parameters:
  ///   - columns: The headings of the columns.
  ///   - rows: The cells by row.
  ///   - caption: The text above the table; empty for none.
  public init(columns: [String], rows: [[String]], caption: String = "") {
    self.columns = columns
    self.rows = rows
    self.caption = caption
  }

  /// Whether every cell of a column begins like a number.
  func isNumeric(_ column: Int) -> Bool {
    let cells = rows.compactMap { $0.indices.contains(column) ? $0[column] : nil }
      .filter { !$0.isEmpty && $0 != "–" && $0 != "-" }
    return !cells.isEmpty
      && cells.allSatisfy { cell in
        let digits = cell.drop { " +-−±<>≤≥~≈".contains($0) }
        return digits.first?.isNumber == true
          // A date, a path or a name may begin with a digit too.
          && digits.allSatisfy { $0.isNumber || " .,:%×xe+-−±/()kMGTBsmhin°".contains($0) }
      }
  }
}

/// A picture with what is below it.
public struct ReportFigure: Sendable {
  /// What is shown.
  public enum Picture: Sendable {
    /// The bytes of a PNG file.
    case png([UInt8])
    /// The bytes of a JPEG file.
    case jpeg([UInt8])
    /// Curves.
    case plot(LinePlot)
  }

  /// What is shown.
  public var picture: Picture
  /// The text below it, also read to people who cannot see it.
  public var caption: String

  /// Creates a figure.
  ///
  /// - Parameters:
  ///   - picture: What is shown.
  ///   - caption: The text below it.
  public init(_ picture: Picture, caption: String) {
    self.picture = picture
    self.caption = caption
  }
}
