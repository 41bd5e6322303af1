/// Pictures in rows, with captions, headings and a title.
///
///     var sheet = ContactSheet(title: "PCA of patch tokens")
///     sheet.rows.append(.init(heading: "ViT-S/14", cells: [.init(photo, caption: "input")]))
///     try ImageEncoder().write(sheet.image(), to: "sheet.png")
public struct ContactSheet: Sendable {
  /// One picture and the text below it.
  public struct Cell: Sendable {
    /// The picture.
    public var image: PixelBuffer
    /// The text below; may be empty.
    public var caption: String

    /// Creates a cell.
    ///
    /// - Parameters:
    ///   - image: The picture.
    ///   - caption: The text below; may be empty.
    public init(_ image: PixelBuffer, caption: String = "") {
      self.image = image
      self.caption = caption
    }
  }

  /// A row of pictures.
  public struct Row: Sendable {
    /// The text above the row; may be empty.
    public var heading: String
    /// The pictures.
    public var cells: [Cell]

    /// Creates a row.
    ///
    /// - Parameters:
    ///   - heading: The text above the row; may be empty.
    ///   - cells: The pictures.
    public init(heading: String = "", cells: [Cell]) {
      self.heading = heading
      self.cells = cells
    }
  }

  /// The text at the top; may be empty.
  public var title: String
  /// The rows.
  public var rows: [Row]
  /// The box into which pictures are fitted, sides kept in proportion; nil leaves their sizes.
  public var cellSize: Size?
  /// Whether pictures are enlarged with visible pixels instead of smoothly.
  public var enlargesToNearest = false
  /// The distance of pictures from each other and from the border.
  public var margin = 24
  /// The colour behind the pictures.
  public var background = RGB(247, 247, 245)
  /// How captions look.
  public var captionStyle = TextStyle(scale: 1.5, color: RGB(70, 72, 78))
  /// How headings look.
  public var headingStyle = TextStyle(scale: 1.9, color: RGB(40, 42, 48))
  /// How the title looks.
  public var titleStyle = TextStyle(scale: 2.8, color: RGB(24, 26, 32))

  /// Creates a sheet.
  ///
  /// - Parameters:
  ///   - title: The text at the top; may be empty.
  ///   - rows: The rows.
  ///   - cellSize: The box into which pictures are fitted; nil leaves their sizes.
  public init(title: String = "", rows: [Row] = [], cellSize: Size? = nil) {
    self.title = title
    self.rows = rows
    self.cellSize = cellSize
  }

  /// Creates a sheet of equal cells, row by row.
  ///
  /// - Parameters:
  ///   - title: The text at the top; may be empty.
  ///   - cells: The pictures.
  ///   - columns: The number of pictures in a row.
  ///   - cellSize: The box into which pictures are fitted; nil leaves their sizes.
  public init(title: String = "", cells: [Cell], columns: Int, cellSize: Size? = nil) {
    let columns = max(columns, 1)
    self.init(
      title: title,
      rows: stride(from: 0, to: cells.count, by: columns).map {
        Row(cells: Array(cells[$0..<min($0 + columns, cells.count)]))
      }, cellSize: cellSize)
  }

  /// Draws the sheet.
  ///
  /// - Returns: The picture.
  /// - Throws: ``ImageError/usage(problem:)`` if there is no picture or the sheet would be too large.
  public func image() throws(ImageError) -> PixelBuffer {
    var fitted: [Row] = []
    for row in rows {
      var cells: [Cell] = []
      for cell in row.cells { cells.append(Cell(try fit(cell.image), caption: cell.caption)) }
      fitted.append(Row(heading: row.heading, cells: cells))
    }
    let columns = fitted.map(\.cells.count).max() ?? 0
    guard columns > 0 else { throw .usage(problem: "a contact sheet needs at least one picture") }
    let margin = max(self.margin, 0)
    let widths = (0..<columns).map { column in
      fitted.compactMap { $0.cells.indices.contains(column) ? $0.cells[column].image.width : nil }
        .max() ?? 0
    }
    let inner = widths.reduce(0, +) + margin * (columns - 1)
    let content = max(
      inner, titleStyle.size(of: title).width,
      fitted.map { headingStyle.size(of: $0.heading).width }.max() ?? 0)
    let top = margin + (title.isEmpty ? 0 : titleStyle.size(of: title).height + margin)
    let height = fitted.reduce(top) { $0 + rowHeight($1) + margin }
    var sheet = try PixelBuffer(
      size: Size(height: height, width: content + 2 * margin), fill: background)
    if !title.isEmpty { sheet.drawText(title, top: margin, left: margin, style: titleStyle) }
    var y = top
    for row in fitted {
      draw(row, widths: widths, top: y, margin: margin, on: &sheet)
      y += rowHeight(row) + margin
    }
    return sheet
  }

  private var captionGap: Int { Int((captionStyle.scale * 5).rounded()) }
  private var headingGap: Int { Int((headingStyle.scale * 4).rounded()) }

  private func rowHeight(_ row: Row) -> Int {
    let pictures = row.cells.map(\.image.height).max() ?? 0
    let heading = row.heading.isEmpty ? 0 : headingStyle.size(of: row.heading).height + headingGap
    let hasCaption = row.cells.contains { !$0.caption.isEmpty }
    return heading + pictures
      + (hasCaption ? captionGap + captionStyle.size(of: "x").height : 0)
  }

  private func draw(
    _ row: Row, widths: [Int], top: Int, margin: Int, on sheet: inout PixelBuffer
  ) {
    var (y, x) = (top, margin)
    if !row.heading.isEmpty {
      sheet.drawText(row.heading, top: y, left: x, style: headingStyle)
      y += headingStyle.size(of: row.heading).height + headingGap
    }
    let pictures = row.cells.map(\.image.height).max() ?? 0
    for (cell, width) in zip(row.cells, widths) {
      let image = cell.image
      // Pictures stand on a common line, so that captions are in line too.
      let (imageTop, imageLeft) = (y + pictures - image.height, x + (width - image.width) / 2)
      sheet.paste(image, top: imageTop, left: imageLeft)
      let text = captionStyle.fitting(cell.caption, width: width + margin / 2)
      let textWidth = captionStyle.size(of: text).width
      sheet.drawText(
        text, top: y + pictures + captionGap, left: x + (width - textWidth) / 2,
        style: captionStyle)
      x += width + margin
    }
  }

  /// A picture, fitted into the cell.
  private func fit(_ image: PixelBuffer) throws(ImageError) -> PixelBuffer {
    guard let cellSize else { return image }
    guard cellSize.height > 0, cellSize.width > 0 else {
      throw .usage(problem: "a contact sheet cannot have cells of \(cellSize)")
    }
    let scale = min(
      Double(cellSize.height) / Double(image.height), Double(cellSize.width) / Double(image.width))
    let size = Size(
      height: max(Int((Double(image.height) * scale).rounded()), 1),
      width: max(Int((Double(image.width) * scale).rounded()), 1))
    if size == image.size { return image }
    return scale > 1 && enlargesToNearest
      ? try image.resizedToNearest(size) : try image.resized(to: size, filter: .lanczos)
  }
}
