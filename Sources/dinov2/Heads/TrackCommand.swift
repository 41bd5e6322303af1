import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import Foundation
import Imaging
import Telemetry

/// `dinov2 track`: objects through the frames of a video.
struct TrackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "track",
    abstract: "Follow objects through the frames of a video.",
    discussion: """
      FRAMES is a folder; its images are the frames, in byte order of their names (ffmpeg -i film.mp4 \
      frames/%05d.png makes one). What to follow is shown in the first frame: by --mask, a PNG file of \
      indices or grey whose numbers other than 0 are objects (255 is void unless it is the only one), or \
      an .npy file that 'segment' wrote; or by --prompt, a click on each object in pixels of the frame. \
      For each frame FRAMES/<name>.* the folder OUTPUT gets <name>.npy, the label of each pixel, and \
      <name>.png, the frame with coloured objects.

      Example: dinov2 track frames/ --prompt 320,200 --prompt 80,150 --model dinov2_vits14 -o tracked/
      """)

  @Argument(help: "The folder of the frames.", completion: .directory)
  var frames: String

  @Option(help: "The labels of the first frame: .png or .npy.", completion: .file())
  var mask: String?

  @Option(
    help: ArgumentHelp(
      "A click on an object of the first frame, in its pixels; each makes an object of its own.",
      valueName: "x,y"))
  var prompt: [Place] = []

  @Option(help: ArgumentHelp("A click beside the objects, in pixels.", valueName: "x,y"))
  var negative: [Place] = []

  @Option(
    name: .shortAndLong, help: "The folder for labels and pictures.", completion: .directory)
  var output: String

  @Option(help: "Also write a sheet of some frames: .png, .jpg or .webp.", completion: .file())
  var sheet: String?

  @Flag(help: "Print what was found as one JSON object.")
  var json = false

  @OptionGroup(title: "Tracking") var tracking: TrackingOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  @Flag(help: "Turn images as their EXIF orientation says.")
  var exif = false

  func validate() throws {
    guard (mask == nil) != prompt.isEmpty else {
      throw ValidationError(
        "Say what to follow: either --mask FILE or --prompt x,y for each object.")
    }
    guard mask == nil || negative.isEmpty else {
      throw ValidationError("--negative goes with --prompt, not with --mask.")
    }
  }

  private struct Finding: Encodable {
    struct Frame: Encodable {
      let path: String
      /// The pixels of each object, by its label.
      let areas: [String: Int]

      init(_ path: String, _ areas: [UInt16: Int]) {
        self.path = path
        self.areas = Dictionary(uniqueKeysWithValues: areas.map { ("\($0)", $1) })
      }
    }
    let output: String
    let objects: [UInt16]
    let frames: [Frame]
  }

  func run() async throws {
    if let sheet { _ = try ImageEncoder.Format(path: sheet) }
    let references = try ImageInputs.expand([frames])
    let folder = try LabelOutput(output, for: references)
    let decoder = ImageDecoder(appliesOrientation: exif)
    let model = try await modelOptions.load()
    let first = try references[0].decode(decoder)
    let labels = try await firstLabels(first, model)
    let progress = ProgressReporter.automatic(
      label: "tracking", total: references.count, unit: .frames, json: false)
    defer { progress.stop() }
    var tracker: FrameTracker?
    var found: [Finding.Frame] = []
    var picked = PickedFrames(total: references.count)
    let decoded = OrderedPipeline(references, threads: 1, ahead: 2) { try $0.decode(decoder) }
    for await item in decoded {
      let (image, name) = (try item.result.get(), item.input.displayName)
      let map: ValueImage
      if tracker == nil {
        tracker = try await DataError.naming(name) {
          try await FrameTracker(model, first: image, mask: labels, tracking.settings)
        }
        map = labels
      } else {
        guard let next = try await DataError.naming(name, { try await tracker?.next(image) }) else {
          return
        }
        map = next
      }
      let picture = try image.overlaid(with: map, color: ObjectColor.of)
      try folder.write(map, picture, item.index)
      picked.offer(picture, name: item.input.stem, index: item.index)
      found.append(.init(name, map.areas(of: labels.objects)))
      progress.advance()
    }
    progress.finish("\(output): \(references.count) frames")
    if let sheet { try picked.write(to: sheet, model: model.name) }
    try report(found, objects: labels.objects)
  }

  /// The labels of the first frame: read, or found by clicks.
  private func firstLabels(_ image: PixelBuffer, _ model: DINOv2) async throws -> ValueImage {
    if let mask {
      let labels = try LabelFile.read(mask)
      guard labels.size == image.size else {
        throw DataError.refused(
          path: mask, problem: "the mask is \(labels.size), the first frame \(image.size)")
      }
      return labels
    }
    return try await PromptSegmenter().labels(
      image, objects: prompt.map { Clicks(positive: [$0.point], negative: negative.map(\.point)) },
      by: model)
  }

  private func report(_ frames: [Finding.Frame], objects: [UInt16]) throws {
    if json {
      return try Console.printJSON(Finding(output: output, objects: objects, frames: frames))
    }
    Console.print(
      "\(output)/: \(frames.count) frames, \(objects.count) "
        + (objects.count == 1 ? "object" : "objects"))
    for object in objects {
      let seen = frames.count { ($0.areas["\(object)"] ?? 0) > 0 }
      Console.print("  object \(object): seen in \(seen) of \(frames.count) frames")
    }
  }
}
