internal import CheckpointFormats
internal import DINOData
internal import DINOModels
internal import Torch

extension Trainer {
  /// Hands the present state to the writer, and exports the teacher; may wait until it is on the disk.
  func save(waits: Bool) throws {
    var tensors = try training.checkpointTensors()
    tensors += optimizer.state.map { ("optimizer.\($0.name)", $0.tensor) }
    let snapshot = try CheckpointSnapshot(
      iteration: state.iteration,
      tensors: tensors.map { ($0.name, try StoredTensor(sharing: $0.tensor.clone())) },
      state: state)
    try files.save(snapshot, waits: waits) { services.onEvent($0) }
    try exportTeacher()
  }

  /// Writes the teacher's backbone as a model folder, `model/` of the run.
  func exportTeacher() throws {
    var model = config.modelConfig
    model.dropPathRate = 0
    let store = ParameterStore(awaitingWeights: .float32)
    let backbone = try VisionTransformer(model, in: store.root)
    let teacher = training.teacher.parameters
    try store.load(
      Dictionary(
        uniqueKeysWithValues: store.parameters.map { parameter in
          (parameter.name, teacher["backbone.\(parameter.name)"]?.value ?? parameter.value)
        }))
    try write(backbone)
  }

  private func write(_ backbone: VisionTransformer) throws {
    if services.writesTeacherCheckpoint {
      var form = WeightForm(.meta)
      form.isTeacherCheckpoint = true
      form.blockChunks = config.student.blockChunks
      _ = try StateDictWriter.write(backbone, as: form, to: files.folder.teacherCheckpoint)
    }
    do {
      let losses = try ModelFolder.write(
        backbone, to: files.folder.model, cropSide: config.crops.globalSize)
      guard state.iteration == config.totalIterations else { return }
      for line in losses { services.onEvent(.warning("\(files.folder.model): \(line)")) }
    } catch {
      guard case .unsupported(_, let problem) = error else { throw error }
      // transformers has no such model: Meta's form has.
      let path = files.folder.path + "/teacher.pth"
      _ = try StateDictWriter.write(backbone, as: WeightForm(.meta), to: path)
      services.onEvent(.warning("\(path) is written instead of a model folder: \(problem)"))
    }
  }

  /// Continues from the newest whole checkpoint, or from given weights, or from the start.
  func restore() throws {
    guard let newest = try files.newestCheckpoint() else {
      try files.begin(config)
      return try setFirstWeights()
    }
    for rejected in newest.rejected {
      services.onEvent(.warning("a damaged checkpoint is passed over: \(rejected.reason)"))
    }
    let saved = try newest.checkpoint.state(as: TrainerState.self)
    guard saved.configHash == state.configHash else {
      let changes = config.changes(from: saved.config).filter(\.changesMathematics)
      throw TrainingError.otherConfiguration(
        folder: files.folder.path, changes: changes.map(\.description))
    }
    // The file's memory is read-only; parameters and moments are changed in place.
    var tensors: [String: Tensor] = [:]
    for (name, tensor) in newest.checkpoint.tensors {
      tensors[name] = try Tensor(tensor).clone()
    }
    try training.restore(tensors)
    try optimizer.restore(SelfDistillation.tensors(tensors, below: "optimizer."))
    state = saved
    state.config = config
    try files.resume(config, at: state.iteration)
    services.onEvent(.resumed(iteration: state.iteration))
  }

  /// Starts both networks from the backbone of a file or from the images, if the settings say so.
  private func setFirstWeights() throws {
    let path = config.student.pretrainedWeights
    guard !path.isEmpty else {
      guard config.student.initialization == .whitened else { return }
      try WhitenedStart(config).set(training.student.parameters, from: images)
      return try training.copyStudentToTeacher()
    }
    let file = try WeightFile(path: path)
    let expectation = ModelExpectation(name: "student.arch", config: config.modelConfig)
    let backbone = try VisionTransformer.load(file, expecting: expectation)
    for parameter in backbone.parameters.parameters {
      try withoutGradient { () throws(TorchError) in
        try training.student.parameters["backbone.\(parameter.name)"]?.value
          .copy(from: parameter.value)
      }
    }
    try training.copyStudentToTeacher()
  }
}
