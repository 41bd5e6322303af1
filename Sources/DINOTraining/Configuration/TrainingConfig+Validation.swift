internal import DINOModels

extension TrainingConfig {
  /// Checks that the values make sense together.
  ///
  /// - Throws: ``ConfigurationError`` that lists all ``problems()``.
  public func validate() throws(ConfigurationError) {
    let problems = problems()
    guard problems.isEmpty else { throw .invalid(problems: problems) }
  }

  /// Everything that is wrong with the values, one line each; empty if a run can begin.
  ///
  /// - Returns: The problems: key, value, and what was expected.
  public func problems() -> [String] {
    var list = ProblemList()
    checkLosses(&list)
    checkTrain(&list)
    checkStudent(&list)
    checkTeacher(&list)
    checkOptim(&list)
    checkCrops(&list)
    checkEvaluation(&list)
    return list.lines
  }

  private func checkLosses(_ list: inout ProblemList) {
    list.notNegative(dino.lossWeight, "dino.loss_weight")
    list.notNegative(ibot.lossWeight, "ibot.loss_weight")
    list.notNegative(dino.koleoLossWeight, "dino.koleo_loss_weight")
    list.demand(
      dino.lossWeight > 0 || ibot.lossWeight > 0,
      "dino.loss_weight and ibot.loss_weight are both 0: there is nothing to learn from")
    list.atLeast(2, dino.headPrototypes, "dino.head_n_prototypes", atMost: 100_000_000)
    list.atLeast(1, dino.headBottleneckDim, "dino.head_bottleneck_dim", atMost: 1_000_000)
    list.atLeast(1, dino.headLayers, "dino.head_nlayers", atMost: 100)
    list.atLeast(1, dino.headHiddenDim, "dino.head_hidden_dim", atMost: 1_000_000)
    list.positive(dino.studentTemperature, "dino.student_temp")
    list.positive(ibot.studentTemperature, "ibot.student_temp")
    list.share(ibot.maskSampleProbability, "ibot.mask_sample_probability")
    list.range(ibot.maskRatioMinMax, above: 0, "ibot.mask_ratio_min_max")
    guard ibot.separateHead else { return }
    list.atLeast(2, ibot.headPrototypes, "ibot.head_n_prototypes", atMost: 100_000_000)
    list.atLeast(1, ibot.headBottleneckDim, "ibot.head_bottleneck_dim", atMost: 1_000_000)
    list.atLeast(1, ibot.headLayers, "ibot.head_nlayers", atMost: 100)
    list.atLeast(1, ibot.headHiddenDim, "ibot.head_hidden_dim", atMost: 1_000_000)
  }

  private func checkTrain(_ list: inout ProblemList) {
    let batch = train.batchSizePerGPU
    list.atLeast(1, batch, "train.batch_size_per_gpu", atMost: 1_000_000)
    list.demand(
      batch != 1 || dino.koleoLossWeight == 0,
      "train.batch_size_per_gpu is 1, but KoLeo needs a neighbour: expected at least 2, or "
        + "dino.koleo_loss_weight=0")
    list.atLeast(1, train.accumulationSteps, "train.accumulation_steps")
    list.demand(
      train.accumulationSteps < 1 || batch % train.accumulationSteps == 0,
      "train.accumulation_steps is \(train.accumulationSteps), expected a divisor of "
        + "train.batch_size_per_gpu \(batch)")
    list.demand(!train.datasetPath.isEmpty, "train.dataset_path is empty, expected images")
    list.demand(!train.outputDir.isEmpty, "train.output_dir is empty, expected a folder")
    list.atLeast(0, train.seed, "train.seed", atMost: .max)
    list.atLeast(1, train.officialEpochLength, "train.OFFICIAL_EPOCH_LENGTH")
    list.atLeast(1, train.checkpointPeriod ?? 1, "train.checkpoint_period")
    list.atLeast(1, train.keepCheckpoints, "train.keep_checkpoints")
    list.atLeast(0, train.keepEvery, "train.keep_every")
    list.atLeast(0, train.loaderThreads, "train.loader_threads")
    list.demand(
      (0...1e6).contains(train.cacheGB),
      "train.cache_gb is \(train.cacheGB), expected 0 to 1000000")
  }

  private func checkStudent(_ list: inout ProblemList) {
    let model = modelConfig
    list.demand(
      model.embedDim <= 65_536 && model.depth <= 10_000 && model.numRegisterTokens <= 10_000,
      "student.embed_dim \(model.embedDim), student.depth \(model.depth) or "
        + "student.num_register_tokens \(model.numRegisterTokens) is beyond 65536, 10000 or 10000")
    list.notNegative(student.layerscale, "student.layerscale")
    list.demand(
      student.pretrainedWeights.isEmpty || student.initialization == .random,
      "student.pretrained_weights is set, and student.initialization is whitened; leave one out")
    if student.initialization == .whitened {
      for problem in WhitenedStart.problems(model) {
        list.demand(false, "student.initialization is whitened: \(problem)")
      }
    }
    list.atLeast(0, student.blockChunks, "student.block_chunks")
    list.notNegative(student.interpolateOffset, "student.interpolate_offset")
    // The model's own names for keys that are called otherwise here.
    for problem in model.problems() {
      let line = problem.replacing("img_size", with: "crops.global_crops_size")
      list.demand(false, "student: \(line)")
    }
  }

  private func checkTeacher(_ list: inout ProblemList) {
    list.share(teacher.momentum, "teacher.momentum_teacher")
    list.share(teacher.finalMomentum, "teacher.final_momentum_teacher")
    list.positive(teacher.warmupTemperature, "teacher.warmup_teacher_temp")
    list.positive(teacher.temperature, "teacher.teacher_temp")
    list.atLeast(0, teacher.warmupTemperatureEpochs, "teacher.warmup_teacher_temp_epochs")
  }

  private func checkOptim(_ list: inout ProblemList) {
    list.atLeast(1, optim.epochs, "optim.epochs")
    list.demand(
      totalIterations <= 1_000_000_000,
      "optim.epochs \(optim.epochs) of train.OFFICIAL_EPOCH_LENGTH \(train.officialEpochLength) are "
        + "\(totalIterations) iterations, expected at most 1000000000")
    for (epochs, key) in [
      (optim.warmupEpochs, "optim.warmup_epochs"),
      (optim.freezeLastLayerEpochs, "optim.freeze_last_layer_epochs"),
    ] {
      list.demand(
        (0...Swift.max(optim.epochs, 0)).contains(epochs),
        "\(key) is \(epochs), expected 0 to optim.epochs \(optim.epochs)")
    }
    list.notNegative(optim.weightDecay, "optim.weight_decay")
    list.notNegative(optim.weightDecayEnd, "optim.weight_decay_end")
    list.positive(optim.baseLearningRate, "optim.base_lr")
    list.notNegative(optim.minLearningRate, "optim.min_lr")
    list.notNegative(optim.clipGrad, "optim.clip_grad")
    list.notNegative(optim.patchEmbedLearningRateFactor, "optim.patch_embed_lr_mult")
    list.demand(
      optim.layerwiseDecay > 0 && optim.layerwiseDecay <= 1,
      "optim.layerwise_decay is \(optim.layerwiseDecay), expected more than 0 and at most 1")
    list.belowOne(optim.adamWBeta1, "optim.adamw_beta1")
    list.belowOne(optim.adamWBeta2, "optim.adamw_beta2")
    list.belowOne(optim.momentum, "optim.momentum")
    list.positive(optim.adamWEpsilon, "optim.adamw_eps")
  }

  private func checkCrops(_ list: inout ProblemList) {
    let smallest = Double.leastNonzeroMagnitude
    list.range(crops.globalScale, above: smallest, "crops.global_crops_scale")
    list.atLeast(0, crops.localNumber, "crops.local_crops_number", atMost: 1000)
    checkSide(crops.globalSize, "crops.global_crops_size", &list)
    if crops.localNumber > 0 {
      list.range(crops.localScale, above: smallest, "crops.local_crops_scale")
      checkSide(crops.localSize, "crops.local_crops_size", &list)
    }
    let grid = crops.globalSize / Swift.max(student.patchSize, 1)
    list.demand(
      ibot.lossWeight == 0 || grid >= 2,
      "crops.global_crops_size \(crops.globalSize) has \(grid) patch a side, expected at least 2, "
        + "or nothing can be masked; else set ibot.loss_weight=0")
    list.share(crops.flipProbability, "crops.flip_probability")
    list.share(crops.colorJitterProbability, "crops.color_jitter_probability")
    list.share(crops.grayscaleProbability, "crops.grayscale_probability")
    list.share(crops.solarizeProbability, "crops.solarize_probability")
    list.demand(
      crops.blurProbabilities.count == 3
        && crops.blurProbabilities.allSatisfy { (0...1).contains($0) },
      "crops.blur_probabilities is \(crops.blurProbabilities), expected three numbers from 0 to 1")
    list.demand(
      crops.jitterStrength.count == 4 && crops.jitterStrength.allSatisfy { (0...1).contains($0) }
        && crops.jitterStrength[3] <= 0.5,
      "crops.jitter_strength is \(crops.jitterStrength), expected brightness, contrast, "
        + "saturation from 0 to 1 and hue from 0 to 0.5")
  }

  private func checkSide(_ side: Int, _ key: String, _ list: inout ProblemList) {
    let patch = student.patchSize
    list.demand(
      side >= 1 && side <= 16_384 && (patch < 1 || side % patch == 0),
      "\(key) is \(side), expected a multiple of student.patch_size \(patch), at most 16384")
  }

  private func checkEvaluation(_ list: inout ProblemList) {
    list.atLeast(0, evaluation.periodIterations, "evaluation.eval_period_iterations")
    list.atLeast(0, evaluation.knnImages, "evaluation.knn_images")
    list.demand(
      !evaluation.knnK.isEmpty && evaluation.knnK.allSatisfy { $0 > 0 },
      "evaluation.knn_k is \(evaluation.knnK), expected numbers of neighbours from 1")
    list.demand(
      evaluation.knnTrain.isEmpty == evaluation.knnVal.isEmpty,
      "evaluation.knn_train and evaluation.knn_val go together: give both or none")
  }
}
