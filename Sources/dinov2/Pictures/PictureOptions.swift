import ArgumentParser
import DINOInference
import Foundation
import Imaging

/// Where the commands that draw write to, and what they print.
struct PictureOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: "The picture: .png, .jpg or .webp; with --separate a folder.", completion: .file())
  var output: String

  @Flag(help: "Write each part of the picture to a PNG file of its own, into the folder OUTPUT.")
  var separate = false

  @Flag(help: "Print what was found as one JSON object.")
  var json = false

  /// A picture that becomes a file of its own with `--separate`.
  struct Part {
    /// The input that it belongs to; the file is named after it.
    let input: String
    /// What it shows: the end of the file's name.
    let kind: String
    let image: PixelBuffer
  }

  /// Refuses an output that cannot be written, before anything else is done.
  func check() throws {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    if separate {
      if unsafe files.fileExists(atPath: output, isDirectory: &isFolder), !isFolder.boolValue {
        throw InferenceError.output(
          path: output, problem: "is a file; with --separate name a folder")
      }
      return
    }
    _ = try ImageEncoder.Format(path: output)
    let folder = (output as NSString).deletingLastPathComponent
    if !folder.isEmpty, !files.fileExists(atPath: folder) {
      throw InferenceError.output(path: output, problem: "its folder does not exist; make it first")
    }
  }

  /// Writes the sheet, or with `--separate` the parts.
  ///
  /// - Parameters:
  ///   - sheet: All parts on one sheet.
  ///   - parts: The parts.
  /// - Returns: The paths of the files.
  /// - Throws: ``ImageError`` or ``InferenceError`` if a file or the folder cannot be written.
  func write(_ sheet: ContactSheet, parts: [Part]) throws -> [String] {
    guard separate else {
      try ImageEncoder().write(sheet.image(), to: output)
      return [output]
    }
    do {
      try FileManager.default.createDirectory(
        atPath: output, withIntermediateDirectories: true)
    } catch {
      throw InferenceError.output(
        path: output, problem: "the folder cannot be made; check the path and its rights")
    }
    var paths: [String] = []
    var taken: Set<String> = []
    for part in parts {
      let stem = ((part.input as NSString).lastPathComponent as NSString).deletingPathExtension
      var name = "\(stem)_\(part.kind).png"
      var number = 2
      // Images of different folders may have one name.
      while !taken.insert(name).inserted {
        name = "\(stem)_\(number)_\(part.kind).png"
        number += 1
      }
      paths.append((output as NSString).appendingPathComponent(name))
      try ImageEncoder().write(part.image, to: paths[paths.count - 1])
    }
    return paths
  }

  /// What a summary calls the output.
  func destination(_ paths: [String]) -> String {
    separate ? "\(output)/ (\(paths.count) files)" : output
  }
}
