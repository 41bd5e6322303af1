import ArgumentParser

/// `dinov2`: the whole program.
@main
struct DINOv2Command: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dinov2",
    abstract: "DINOv2 in Swift: train, apply and look at self-supervised features of images.",
    discussion: """
      Every command has --help with an example. Results go to standard output or to the named file, \
      everything else to standard error.

      Exit codes: 0 done; 2 usage or configuration; 3 refused input file; 4 data set unusable; \
      5 I/O or disk full; 6 another process has the lock; 7 losses that are no numbers; 8 out of \
      memory; 75 stopped on request, resumable.
      """,
    version: "0.1.0",
    groupedSubcommands: [
      CommandGroup(
        name: "Features:", subcommands: [EmbedCommand.self, ClassifyCommand.self]),
      CommandGroup(
        name: "Heads:",
        subcommands: [
          HeadCommand.self, SegmentCommand.self, DepthCommand.self, DetectCommand.self,
          TrackCommand.self,
        ]),
      CommandGroup(
        name: "Pictures:",
        subcommands: [
          PCACommand.self, AttentionCommand.self, MatchCommand.self, SimilarityCommand.self,
        ]),
      CommandGroup(
        name: "Collections:", subcommands: [SearchCommand.self, CurateCommand.self]),
      CommandGroup(
        name: "Training and measuring:", subcommands: [PretrainCommand.self, EvaluateCommand.self]),
      CommandGroup(
        name: "Models and data:", subcommands: [ModelsCommand.self, DataCommand.self]),
      CommandGroup(
        name: "This machine:",
        subcommands: [DemoCommand.self, BenchCommand.self, DoctorCommand.self]),
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      Failure.exit(with: error)
    }
  }
}
