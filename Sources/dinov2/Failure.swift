import ArgumentParser
import CheckpointFormats
import DINOData
import DINOInference
import DINOModels
import Glibc
import Imaging
import Torch

/// What a failing command tells the user and the shell.
enum Failure {
  /// The exit codes that callers rely on.
  enum Code: Int32 {
    case usage = 2
    case refusedInput = 3
    case unusableDataSet = 4
    case inputOutput = 5
    case outOfMemory = 8
  }

  /// Prints one line for an error, or the help that was asked for, and ends the program.
  static func exit(with error: any Error) -> Never {
    if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
    guard let code = code(of: error) else {
      // Help, version and usage are ArgumentParser's; it would exit with 64 on bad usage.
      let code = DINOv2Command.exitCode(for: error)
      let message = DINOv2Command.fullMessage(for: error)
      if code.isSuccess {
        Console.print(message)
      } else {
        Console.note(message.replacing("Error: ", with: "error: "))
      }
      Glibc.exit(code.isSuccess ? 0 : Code.usage.rawValue)
    }
    Console.note("error: \(error)")
    Glibc.exit(code.rawValue)
  }

  private static func code(of error: any Error) -> Code? {
    switch error {
    case let error as InferenceError: code(of: error)
    case let error as ModelError: code(of: error)
    case let error as CheckpointError: code(of: error)
    case let error as ImageError: code(of: error)
    case let error as DataError: Code(rawValue: error.category.rawValue)
    case let error as TorchError: code(of: error)
    case is UsageError: .usage
    default: nil
    }
  }

  private static func code(of error: InferenceError) -> Code? {
    switch error {
    case .usage: .usage
    case .model(let error): code(of: error)
    case .image(let error): code(of: error)
    case .data(let error): Code(rawValue: error.category.rawValue)
    case .torch(let error): code(of: error)
    case .output: .inputOutput
    }
  }

  private static func code(of error: ModelError) -> Code {
    switch error {
    case .checkpoint(let error): code(of: error)
    case .torch(let error): code(of: error)
    case .unsupported: .usage
    default: .refusedInput
    }
  }

  private static func code(of error: CheckpointError) -> Code {
    switch error {
    case .file: .inputOutput
    case .usage: .usage
    default: .refusedInput
    }
  }

  private static func code(of error: ImageError) -> Code {
    switch error {
    case .file, .unwritable: .inputOutput
    case .usage: .usage
    default: .refusedInput
    }
  }

  private static func code(of error: TorchError) -> Code {
    error.kind == .outOfMemory ? .outOfMemory : .usage
  }
}

/// A contradiction among a command's arguments that only shows when it runs.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
