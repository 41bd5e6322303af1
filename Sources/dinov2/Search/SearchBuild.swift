import ArgumentParser
import DINOCuration
import DINOData
import DINOInference
import DINOModels
import DINOTraining
import Foundation
import Imaging
import Telemetry

/// `dinov2 search build`: describes images, or brings an index up to date.
struct SearchBuild: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Describe images and keep their descriptors in an index, or bring one up to date.",
    discussion: """
      The index then holds exactly the images of the inputs: new ones are described, changed ones anew, \
      and those that are gone are taken out, unless --add is given. What is as it was is not read again; \
      a file that was renamed is not described again. After an interruption the same command goes on. \
      Files that cannot be read are listed and left out.

      An index belongs to a model and a way to describe images; an index that exists keeps both, and \
      queries take them from it. Queries compare with all images; for some hundred thousand images and \
      more, --index-type makes an approximate index of them, measures which share of the nearest it finds, \
      and keeps it up to date from then on, until --index-type exact.

      Example: dinov2 search build photos/ --index photos.index --model dinov2_vits14
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(
    help: ArgumentHelp("The folder of the index; made if it is missing.", valueName: "dir"),
    completion: .directory)
  var index: String

  @Flag(help: "Leave images in the index that are not among the inputs.")
  var add = false

  @Flag(help: "Describe all images anew.")
  var rebuild = false

  @OptionGroup(title: "Approximate index") var indexOptions: IndexOptions

  @OptionGroup(title: "Descriptor") var descriptor: DescriptorOptions

  @OptionGroup var loading: LoadingOptions

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(help: "Print progress and the summary as JSON lines.")
  var json = false

  func validate() throws {
    guard !index.isEmpty else { throw ValidationError("--index is empty; name a folder.") }
  }

  func run() async throws {
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let lock = try IndexFolder.lock(index)
    defer { withExtendedLifetime(lock) {} }
    if rebuild { try GalleryUpdate.clear(index) }
    let stored = try IndexFolder.storedSettings(index)
    let model = try await IndexFolder.model(modelOptions, stored)
    let update = try GalleryUpdate(index, try await settings(of: model, stored, references))
    var options = GalleryUpdate.Options()
    options.keepsOthers = add
    options.batch = loading.batch
    options.decoders = loading.decoders
    let progress = ProgressReporter.automatic(
      label: "describing", total: references.count, unit: .images, json: json)
    if !json { progress.note("\(model.name): \(model.summary)") }
    let report: GalleryUpdate.Report
    do {
      report = try await update.run(references, with: model, options: options) { event in
        switch event {
        case .unchanged(let count): progress.resume(at: count)
        case .advanced(let count): progress.advance(by: count)
        case .failed(let problem): progress.warn("left out \(problem)")
        }
      }
    } catch {
      progress.stop()
      throw error
    }
    guard report.count > 0 else {
      progress.stop()
      throw DataError.refused(
        path: index,
        problem: "none of \(references.count) images could be used: \(report.failures.first ?? "")")
    }
    let found: (index: GalleryIndex, isNew: Bool)?
    do { found = try update.updateIndex(indexOptions.choice) } catch {
      progress.stop()
      throw error
    }
    if let found { tell(found.index, isNew: found.isNew, progress) }
    tell(report, progress)
  }

  private func tell(_ index: GalleryIndex, isNew: Bool, _ progress: ProgressReporter) {
    progress.event(
      "approximate_index",
      [
        "kind": .string(index.recipe.kind.rawValue), "is_new": .bool(isNew),
        "effort": .integer(index.tuning.effort), "recall": .number(index.tuning.recall),
      ])
    if !json { progress.note("index: \(index)") }
  }

  /// How images shall be described: as asked for, else as they were.
  private func settings(
    of model: DINOv2, _ stored: GallerySettings?, _ references: [ImageReference]
  ) async throws -> GallerySettings {
    let request = try modelOptions.request()
    let probe = try await ModelProbe(model)
    var recipe = try descriptor.recipe(for: model)
    let kept = stored?.recipe.vocabulary
    if recipe.pooling == .vlad, descriptor.centres ?? kept?.centreCount == kept?.centreCount {
      recipe.vocabulary = kept
    }
    let seen = try preprocessing.preprocessing(for: model, default: .retrieval(for: model))
    let decoder = preprocessing.decoder
    let job = try await descriptor.completed(
      DescriptorJob(recipe, seen), from: references, with: model
    ) { try $0.decode(decoder) }
    var result = GallerySettings(
      stored.map(\.model) ?? .init(request, name: model.name, probe: probe),
      job.recipe, seen, appliesOrientation: preprocessing.exif, embedDim: model.config.embedDim)
    result.model.probe = probe
    result.model.name = model.name
    guard let stored else { return result }
    if descriptor.isEmpty { result.recipe = stored.recipe }
    if preprocessing.resize == nil { result.resize = stored.resize }
    if preprocessing.crop == nil { result.crop = stored.crop }
    if !preprocessing.exif { result.appliesOrientation = stored.appliesOrientation }
    result.columns = result.recipe.columns(embedDim: model.config.embedDim)
    return result
  }

  private func tell(_ report: GalleryUpdate.Report, _ progress: ProgressReporter) {
    progress.event(
      "index",
      [
        "count": .integer(report.count), "added": .integer(report.added),
        "changed": .integer(report.changed), "unchanged": .integer(report.unchanged),
        "copied": .integer(report.copied), "removed": .integer(report.removed),
        "recovered": .integer(report.recovered), "left_out": .integer(report.failures.count),
      ])
    let parts = [
      (report.added, "added"), (report.changed, "changed"), (report.removed, "removed"),
      (report.recovered, "recovered from a damaged file"), (report.copied, "known by content"),
      (report.failures.count, "left out"),
    ].filter { $0.0 > 0 }.map { "\(NumberFormat.grouped($0.0)) \($0.1)" }
    progress.finish(
      "\(index): \(NumberFormat.grouped(report.count)) images"
        + (parts.isEmpty ? ", nothing new" : ", " + parts.joined(separator: ", ")))
  }
}
