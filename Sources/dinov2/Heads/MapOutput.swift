import ArgumentParser
import CheckpointFormats
import DINOData
import DINOInference
import Foundation
import Imaging

/// Where the commands that make a map of each image write to.
struct MapOutput: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: "The folder of the results: <name>.npy with the map, <name>.png to look at.",
    completion: .directory)
  var output: String

  @Flag(help: "Lay the colours over the image in the pictures.")
  var overlay = false

  @Flag(help: "Turn images as their EXIF orientation says; the original does not.")
  var exif = false

  @Flag(help: "Print one JSON object per image.")
  var json = false

  /// The decoder.
  var decoder: ImageDecoder { ImageDecoder(appliesOrientation: exif) }

  /// Makes the folder.
  func prepare() throws { try Self.makeFolder(output) }

  /// Makes a folder for results.
  static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw InferenceError.output(
        path: path, problem: "the folder cannot be made; check the path and its rights")
    }
  }

  /// Paths of the map and of the picture.
  struct Paths: Encodable {
    let npy: String
    let png: String
  }

  /// Paths for the results of all images.
  func paths(for images: [ImageReference]) -> [Paths] {
    Self.names(for: images).map { name in
      let base = (output as NSString).appendingPathComponent(name)
      return Paths(npy: base + ".npy", png: base + ".png")
    }
  }

  /// Names for the results of all images: their own without ending, numbered where several share one.
  static func names(for images: [ImageReference]) -> [String] {
    var taken: Set<String> = []
    return images.map { image in
      let file = (image.displayName as NSString).lastPathComponent as NSString
      // Names that are printed are made of printable characters; a slash cannot be among them.
      let stem = file.deletingPathExtension.isEmpty ? "image" : file.deletingPathExtension
      var name = stem
      var number = 2
      // Some file systems do not tell upper from lower case.
      while !taken.insert(name.lowercased()).inserted {
        name = "\(stem)_\(number)"
        number += 1
      }
      return name
    }
  }

  /// Writes the picture of a map.
  func write(_ picture: PixelBuffer, to paths: Paths) throws {
    try ImageEncoder().write(picture, to: paths.png)
  }
}

/// Draws a map with its legend.
struct MapPicture {
  /// The height from which on text stands well beside a map.
  private static let leastHeight = 280
  private static let style = TextStyle(scale: 1.6)
  private static let margin = 12

  /// The map, enlarged with visible pixels if it is small, and a panel on its right.
  ///
  /// - Parameters:
  ///   - map: The coloured map.
  ///   - panelWidth: The width of the panel.
  ///   - draw: Draws the panel from a column on.
  /// - Returns: The picture.
  /// - Throws: `ImageError` if the picture would be too large.
  private static func picture(
    _ map: PixelBuffer, panelWidth: Int, _ draw: (inout PixelBuffer, _ left: Int) -> Void
  ) throws -> PixelBuffer {
    let factor = max((leastHeight + map.height - 1) / map.height, 1)
    // A long narrow map must not become huge.
    let limit = max(4096 / max(map.height, map.width), 1)
    let scale = min(factor, limit)
    let large =
      scale == 1
      ? map
      : try map.resizedToNearest(Size(height: scale * map.height, width: scale * map.width))
    var picture = try PixelBuffer(
      size: Size(
        height: max(large.height, leastHeight), width: large.width + panelWidth + 2 * margin),
      fill: .white)
    picture.paste(large, top: 0, left: 0)
    draw(&picture, large.width + margin)
    return picture
  }

  /// A map of classes with the names of those that occur, the largest first.
  ///
  /// - Parameters:
  ///   - prediction: The map.
  ///   - names: The names of the classes, where they are known.
  ///   - image: The image, to lay the colours over; nil for colours alone.
  /// - Returns: The picture.
  /// - Throws: `ImageError` if the picture would be too large.
  static func labels(
    _ prediction: LabelPrediction, names: [String]?, over image: PixelBuffer?
  ) throws -> PixelBuffer {
    let shares = prediction.shares
    var map = try prediction.colored()
    if let image { map = try image.mixed(with: map, share: 0.6) }
    let entries = shares.map { share in
      (
        color: ColorMap.categorical(share.label),
        text: (names.map { $0[share.label] } ?? "class \(share.label)") + ", "
          + (share.share < 0.005 ? "<1 %" : percent(share.share))
      )
    }
    let swatch = 14
    let width = min((entries.map { style.size(of: $0.text).width }.max() ?? 0) + swatch + 8, 360)
    return try picture(map, panelWidth: width) { picture, left in
      let step = style.size(of: "x").height + 6
      let rows = max((picture.height - 2 * margin) / step, 1)
      for (row, entry) in entries.prefix(rows).enumerated() {
        let top = margin + row * step
        // The last line says how many are left out.
        let isRest = row == rows - 1 && entries.count > rows
        if !isRest {
          picture.fillRectangle(
            Region(top: top, left: left, height: swatch, width: swatch), color: entry.color)
        }
        let text = isRest ? "and \(entries.count - row) more" : entry.text
        picture.drawText(
          style.fitting(text, width: width - swatch - 8), top: top, left: left + swatch + 8,
          style: style)
      }
    }
  }

  /// A map of depths with a bar of colours from near to far.
  ///
  /// - Parameters:
  ///   - prediction: The map.
  ///   - range: The depths of the first and last colour, metres.
  ///   - image: The image, to lay the colours over; nil for colours alone.
  /// - Returns: The picture.
  /// - Throws: `ImageError` if the picture would be too large.
  static func depth(
    _ prediction: DepthPrediction, range: ClosedRange<Float>, over image: PixelBuffer?
  ) throws -> PixelBuffer {
    var map = try ValueMap(prediction.metres, size: prediction.size)
      .colored(.turbo, range: range)
    if let image { map = try image.mixed(with: map, share: 0.6) }
    let ticks = (0...4).map { step in
      range.lowerBound + (range.upperBound - range.lowerBound) * Float(step) / 4
    }
    let texts = ticks.map { String(format: "%.2f m", Double($0)) }
    let bar = 18
    let width = (texts.map { style.size(of: $0).width }.max() ?? 0) + bar + 10
    return try picture(map, panelWidth: width) { picture, left in
      let height = picture.height - 2 * margin - style.size(of: "x").height
      for row in 0..<height {
        let color = ColorMap.turbo.color(at: Double(row) / Double(max(height - 1, 1)))
        picture.fillRectangle(
          Region(top: margin + row, left: left, height: 1, width: bar), color: color)
      }
      for (step, text) in texts.enumerated() {
        picture.drawText(
          text, top: margin + step * (height - 1) / 4 - (step == 0 ? 0 : 6),
          left: left + bar + 8, style: style)
      }
    }
  }
}

extension LabelPrediction {
  /// The map in the colours of the classes.
  func colored() throws -> PixelBuffer {
    let colors = ColorMap.categoricalTable(count: Int(labels.max() ?? 0) + 1)
    var storage = [UInt8](repeating: 0, count: 3 * labels.count)
    for (index, label) in labels.enumerated() {
      let color = colors[Int(label)]
      storage[3 * index] = color.red
      storage[3 * index + 1] = color.green
      storage[3 * index + 2] = color.blue
    }
    return try PixelBuffer(size: size, storage: storage)
  }

  /// The classes that occur and their share of the pixels, the largest first.
  var shares: [(label: Int, share: Double)] {
    var counts = [Int](repeating: 0, count: Int(labels.max() ?? 0) + 1)
    for label in labels { counts[Int(label)] += 1 }
    return counts.enumerated().filter { $0.element > 0 }
      .map { (label: $0.offset, share: Double($0.element) / Double(labels.count)) }
      .sorted { ($1.share, $0.label) < ($0.share, $1.label) }
  }
}

extension PixelBuffer {
  /// The image with another of the same size mixed in.
  func mixed(with other: PixelBuffer, share: Double) throws -> PixelBuffer {
    let weight = Int((share * 256).rounded())
    return try PixelBuffer(
      size: size,
      storage: zip(storage, other.storage).map { mine, theirs in
        UInt8((Int(mine) * (256 - weight) + Int(theirs) * weight) >> 8)
      })
  }
}
