import ArgumentParser
import CheckpointFormats
import DINOCuration
import DINOData
import DINOHub
import DINOInference
import DINOModels
import DINOTraining
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
    case locked = 6
    case nonFinite = 7
    case outOfMemory = 8
    case stopped = 75
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

  private static func code(of error: any Error) -> Code? { (error as? any HasCode)?.code }
}

/// An error that decides the program's exit code.
private protocol HasCode {
  var code: Failure.Code { get }
}

extension InferenceError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .usage: .usage
    case .model(let error): error.code
    case .image(let error): error.code
    case .data(let error): error.code
    case .torch(let error): error.code
    case .output: .inputOutput
    }
  }
}

extension ModelError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .checkpoint(let error): error.code
    case .torch(let error): error.code
    case .unsupported: .usage
    default: .refusedInput
    }
  }
}

extension CheckpointError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .file: .inputOutput
    case .usage: .usage
    default: .refusedInput
    }
  }
}

extension ImageError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .file, .unwritable: .inputOutput
    case .usage: .usage
    default: .refusedInput
    }
  }
}

extension DataError: HasCode {
  fileprivate var code: Failure.Code {
    switch category {
    case .usage: .usage
    case .refusedInput: .refusedInput
    case .unusableDataSet: .unusableDataSet
    case .inputOutput: .inputOutput
    }
  }
}

extension TorchError: HasCode {
  fileprivate var code: Failure.Code { kind == .outOfMemory ? .outOfMemory : .usage }
}

extension CurationError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .usage: .usage
    case .notFinite, .shape, .index: .refusedInput
    case .file(let error): error.code
    case .tensor(let error): error.code
    }
  }
}

extension GalleryError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .usage, .incompatible: .usage
    case .damaged: .refusedInput
    case .missing, .system: .inputOutput
    case .locked: .locked
    case .curation(let error): error.code
    case .inference(let error): error.code
    }
  }
}

extension StoreError: HasCode {
  fileprivate var code: Failure.Code {
    switch self {
    case .usage, .incompatible: .usage
    case .damaged: .refusedInput
    case .unusable: .unusableDataSet
    case .missing, .system: .inputOutput
    case .locked: .locked
    case .stopped: .stopped
    case .curation(let error): error.code
    case .inference(let error): error.code
    case .data(let error): error.code
    case .image(let error): error.code
    }
  }
}

extension HubError: HasCode {
  fileprivate var code: Failure.Code {
    switch category {
    case .usage: .usage
    case .inputOutput: .inputOutput
    case .stopped: .stopped
    }
  }
}

extension ConfigurationError: HasCode {
  fileprivate var code: Failure.Code { .usage }
}

extension TrainingError: HasCode {
  fileprivate var code: Failure.Code { Failure.Code(rawValue: exitCode) ?? .usage }
}

extension RunError: HasCode {
  fileprivate var code: Failure.Code { Failure.Code(rawValue: exitCode) ?? .inputOutput }
}

extension UsageError: HasCode {
  fileprivate var code: Failure.Code { .usage }
}

/// A contradiction among a command's arguments that only shows when it runs.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
