import ArgumentParser
import DINOModels

/// `dinov2 models convert`: the same weights in another form.
struct ModelsConvert: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model in the form of Meta, Hugging Face or timm.",
    discussion: """
      OUTPUT ends in .safetensors, .pth or .bin, or is a folder that transformers loads (--to hf). What \
      the target cannot hold is printed.

      Example: dinov2 models convert dinov2_vits14_pretrain.pth dinov2-small --to hf
      """)

  /// ``KeyStyle`` as an argument.
  enum Target: String, CaseIterable, ExpressibleByArgument {
    case meta, hf, timm
  }

  /// ``WeightForm/ElementType`` as an argument.
  enum Number: String, CaseIterable, ExpressibleByArgument {
    case float32, float16, bfloat16
  }

  @Argument(help: "A weight file or a model folder.", completion: .file())
  var input: String

  @Argument(help: "The new file or folder.", completion: .file())
  var output: String

  @Option(help: "Whose form.")
  var to: Target

  @Option(help: "The type of the numbers.")
  var dtype = Number.float32

  @Flag(help: "Write Meta's teacher_checkpoint.pth: {teacher: {backbone.…}}.")
  var teacher = false

  @Option(help: "Groups of blocks in Meta's names, as in training checkpoints.")
  var blockChunks = 0

  @OptionGroup(title: "Reading") var reading: WeightFileOptions

  func run() async throws {
    var form = WeightForm(
      KeyStyle(rawValue: to.rawValue) ?? .meta, .init(rawValue: dtype.rawValue) ?? .float32)
    form.isTeacherCheckpoint = teacher
    form.blockChunks = blockChunks
    let done = try ModelFile.convert(
      input, to: output, as: form, network: reading.wanted, numHeads: reading.heads,
      options: reading.options)
    for note in done.notes { Console.note("note: \(note)") }
    for loss in done.losses { Console.note("not held by the target: \(loss)") }
    Console.print(
      "\(output): \(done.config.parameterCount) parameters, \(done.style.rawValue) → \(to.rawValue)"
    )
  }
}
