/// What a global name in a pickle stands for.
///
/// A symbol is a tag; there is nothing behind it to call.
enum PickleSymbol: Equatable {
  case orderedDict
  case rebuildTensorV2
  case rebuildTensor
  case rebuildTensorV3
  case rebuildParameter
  case rebuildParameterWithState
  case rebuildFromType
  case parameterClass
  case tensorClass
  case storage(ScalarType)
  case untypedStorage
  case dtype(ScalarType)
  case size
  case device
  case layout
  case encode
  case set
  case bytearray
  case complex
  /// A class whose objects are kept as records if the caller accepts them.
  case foreign
  /// Anything else.
  case unknown

  /// Finds what a name stands for.
  static func named(_ module: String, _ name: String) -> PickleSymbol {
    let module = modernModule(module)
    if module == "torch" || module == "torch.storage" || module == "torch.cuda" {
      if let type = ScalarType(torchStorageName: name), module != "torch.storage" {
        return .storage(type)
      }
      if module == "torch", let type = ScalarType(torchName: name) { return .dtype(type) }
    }
    return table[module + "." + name] ?? (isForeign(module, name) ? .foreign : .unknown)
  }

  /// Python 3's name of a module that Python 2 called differently.
  static func modernModule(_ module: String) -> String {
    switch module {
    case "__builtin__": "builtins"
    case "copy_reg": "copyreg"
    default: module
    }
  }

  private static let table: [String: PickleSymbol] = [
    "collections.OrderedDict": .orderedDict,
    "torch._utils._rebuild_tensor": .rebuildTensor,
    "torch._utils._rebuild_tensor_v2": .rebuildTensorV2,
    "torch._utils._rebuild_tensor_v3": .rebuildTensorV3,
    "torch._utils._rebuild_parameter": .rebuildParameter,
    "torch._utils._rebuild_parameter_with_state": .rebuildParameterWithState,
    "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
    "torch.nn.parameter.Parameter": .parameterClass,
    "torch.Tensor": .tensorClass,
    "torch._tensor.Tensor": .tensorClass,
    "torch.storage.UntypedStorage": .untypedStorage,
    "torch.Size": .size,
    "torch.device": .device,
    "torch.serialization._get_layout": .layout,
    "_codecs.encode": .encode,
    "builtins.set": .set,
    "builtins.bytearray": .bytearray,
    // Python 3 writes an empty byte string for protocol 2 as `bytes()`.
    "builtins.bytes": .bytearray,
    "builtins.complex": .complex,
  ]

  /// Whether a class is one that training checkpoints of related projects hold beside the weights.
  private static func isForeign(_ module: String, _ name: String) -> Bool {
    switch module + "." + name {
    case "argparse.Namespace", "pathlib.PosixPath", "pathlib.PurePosixPath",
      "pathlib._local.PosixPath", "pathlib._local.PurePosixPath", "numpy.dtype", "numpy.ndarray",
      "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
      "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct":
      return true
    default:
      let package = module.prefix { $0 != "." }
      return package == "omegaconf" || package == "mmcv" || package == "mmengine"
    }
  }
}
