/// All parameters of a model by name, in the order of their registration.
///
/// Layers register their parameters through a ``ParameterScope``. A store that initialises draws
/// the values from its generator in that order; a store that waits for weights has shapes only
/// until ``load(_:)``.
public final class ParameterStore {
  /// The parameters, in the order of registration.
  public private(set) var parameters: [Parameter] = []
  /// The type of the values.
  public let dtype: DType

  private let generator: Generator?
  private var positions: [String: Int] = [:]

  /// Creates a store whose parameters are initialised.
  ///
  /// - Parameters:
  ///   - generator: Where the random values come from, and the device.
  ///   - dtype: The type of the values.
  public init(initializingFrom generator: Generator, dtype: DType = .float32) {
    self.generator = generator
    self.dtype = dtype
  }

  /// Creates a store whose parameters have no memory until weights are loaded.
  ///
  /// - Parameter dtype: The type of the values.
  public init(awaitingWeights dtype: DType = .float32) {
    generator = nil
    self.dtype = dtype
  }

  /// The scope without a prefix.
  public var root: ParameterScope { ParameterScope(store: self, path: "") }

  /// The parameter of a name.
  public subscript(name: String) -> Parameter? { positions[name].map { parameters[$0] } }

  /// The number of trainable values.
  public var trainableCount: Int {
    parameters.filter { !$0.isBuffer }.reduce(0) { $0 + $1.value.elementCount }
  }

  func register(
    _ name: String, _ shape: [Int], _ initializer: Initializer, isBuffer: Bool
  ) throws(TorchError) -> Parameter {
    guard positions[name] == nil else {
      throw TorchError("register", "the name \(name) is taken")
    }
    let value: Tensor
    if let generator {
      value = try initializer.tensor(shape, dtype: dtype, generator: generator)
      if !isBuffer { try value.requiringGrad() }
    } else {
      value = try .empty(shape, dtype: dtype, device: .meta)
    }
    let parameter = Parameter(name: name, isBuffer: isBuffer, value: value)
    positions[name] = parameters.count
    parameters.append(parameter)
    return parameter
  }

  /// Takes over tensors as the values of all parameters; nothing may be missing or left over.
  ///
  /// Tensors of the store's dtype are used as they are, without a copy; others are converted.
  ///
  /// - Parameter tensors: Values by name.
  /// - Throws: ``TorchError`` of kind `mismatchedParameters` that lists every missing, unexpected
  ///   and mis-shaped name, with the nearest names. Nothing is changed then.
  public func load(_ tensors: [String: Tensor]) throws(TorchError) {
    let problems = mismatches(with: tensors.mapValues(\.shape))
    guard problems.isEmpty else {
      throw TorchError(
        "load", problems.joined(separator: "; "), kind: .mismatchedParameters)
    }
    try loadPartially(tensors)
  }

  /// Takes over those tensors whose name and shape fit, and leaves the other parameters alone.
  ///
  /// - Parameter tensors: Values by name.
  /// - Returns: The names that were loaded, in the order of the store.
  /// - Throws: ``TorchError`` if a conversion fails.
  @discardableResult
  public func loadPartially(_ tensors: [String: Tensor]) throws(TorchError) -> [String] {
    var loaded: [String] = []
    for parameter in parameters {
      guard let tensor = tensors[parameter.name], tensor.shape == parameter.value.shape else {
        continue
      }
      let wasTrained = parameter.value.requiresGrad
      let converted = try tensor.to(dtype: dtype)
      parameter.value = try wasTrained ? converted.detached().requiringGrad() : converted
      loaded.append(parameter.name)
    }
    return loaded
  }

  /// Moves all values to a device.
  ///
  /// - Parameter device: Where to.
  /// - Throws: ``TorchError`` if the device does not exist or has too little memory.
  public func move(to device: Device) throws(TorchError) {
    for parameter in parameters { parameter.value = try parameter.value.to(device: device) }
  }

  /// What keeps tensors from being loaded: one line per missing, unexpected or mis-shaped name.
  ///
  /// - Parameter shapes: Shapes by name.
  /// - Returns: The problems, one line each.
  public func mismatches(with shapes: [String: [Int]]) -> [String] {
    var problems: [String] = []
    let unexpected = shapes.keys.filter { positions[$0] == nil }.sorted()
    for parameter in parameters {
      guard let shape = shapes[parameter.name] else {
        problems.append(
          "missing \(parameter.name) \(parameter.value.shape)"
            + nearest(to: parameter.name, among: unexpected))
        continue
      }
      if shape != parameter.value.shape {
        problems.append("\(parameter.name) is \(shape), expected \(parameter.value.shape)")
      }
    }
    let missing = parameters.map(\.name).filter { shapes[$0] == nil }
    for name in unexpected {
      problems.append("unexpected \(name)" + nearest(to: name, among: missing))
    }
    return problems
  }

  private func nearest(to name: String, among names: [String]) -> String {
    NearestName.find(name, among: names).map { " (nearest: \($0))" } ?? ""
  }
}

/// A place in the tree of parameter names.
public struct ParameterScope {
  let store: ParameterStore
  let path: String

  /// The root scope of a new store whose random values come from a seed.
  ///
  /// - Parameters:
  ///   - seed: Equal seeds give equal values.
  ///   - dtype: The type of the values.
  /// - Throws: ``TorchError`` if the generator cannot be made.
  public init(seed: UInt64, dtype: DType = .float32) throws(TorchError) {
    self = ParameterStore(initializingFrom: try Generator(seed: seed), dtype: dtype).root
  }

  init(store: ParameterStore, path: String) {
    self.store = store
    self.path = path
  }

  /// The scope of a part.
  public static func / (scope: ParameterScope, name: String) -> ParameterScope {
    ParameterScope(store: scope.store, path: scope.fullName(name))
  }

  /// The scope of a numbered part.
  public static func / (scope: ParameterScope, index: Int) -> ParameterScope {
    scope / String(index)
  }

  /// The store that everything under this scope registers with.
  public var parameterStore: ParameterStore { store }

  /// Registers a trainable parameter.
  ///
  /// - Parameters:
  ///   - name: Its name under this scope.
  ///   - shape: Its sizes.
  ///   - initializer: How it is filled.
  /// - Returns: The parameter.
  /// - Throws: ``TorchError`` if the name is taken.
  public func parameter(
    _ name: String, _ shape: [Int], _ initializer: Initializer
  ) throws(TorchError) -> Parameter {
    try store.register(fullName(name), shape, initializer, isBuffer: false)
  }

  /// Registers state that is stored but not trained.
  ///
  /// - Parameters:
  ///   - name: Its name under this scope.
  ///   - shape: Its sizes.
  ///   - initializer: How it is filled.
  /// - Returns: The parameter.
  /// - Throws: ``TorchError`` if the name is taken.
  public func buffer(
    _ name: String, _ shape: [Int], _ initializer: Initializer
  ) throws(TorchError) -> Parameter {
    try store.register(fullName(name), shape, initializer, isBuffer: true)
  }

  private func fullName(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
