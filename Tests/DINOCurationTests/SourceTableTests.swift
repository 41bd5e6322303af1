import DINOCuration
import Testing

@Suite("SourceTable")
struct SourceTableTests {
  @Test("adds up to the images of LVD-142M")
  func lvd142M() throws {
    let table = SourceTable.lvd142M
    #expect(try table.total() == 142_109_386)
    #expect(table.rows.count == 27)
    let samples = try table.rows.filter {
      if case .sample = $0.mode { true } else { false }
    }.map { row in try row.contribution() }
    #expect(samples == [56_788_344, 40_997_344, 6_321_880])
    let last = try table.rows.suffix(5).map { row in try row.contribution() }
    #expect(last == [960_000, 830_000, 1_000_000, 1_000_000, 1_000_000])
  }

  @Test("takes what the mode says")
  func modes() throws {
    #expect(try SourceTable.Row("a", images: 5, .asIs).contribution() == 5)
    #expect(try SourceTable.Row("a", images: 5, .asIs, cap: 3).contribution() == 3)
    #expect(try SourceTable.Row("a", images: 5, .sample(neighbours: 4)).contribution() == 20)
    #expect(try SourceTable.Row("a", images: 5, .cluster, retrieved: 9).contribution() == 9)
    #expect(try SourceTable.Row("a", images: 5, .cluster, retrieved: 9, cap: 7).contribution() == 7)
    #expect(try SourceTable([]).total() == 0)
  }

  @Test(
    "refuses rows that contradict themselves",
    arguments: [
      SourceTable.Row("a", images: -1, .asIs),
      SourceTable.Row("a", images: 5, .asIs, retrieved: 5),
      SourceTable.Row("a", images: 5, .sample(neighbours: 4), retrieved: 19),
      SourceTable.Row("a", images: 5, .sample(neighbours: 0)),
      SourceTable.Row("a", images: .max, .sample(neighbours: 2)),
      SourceTable.Row("a", images: 5, .cluster),
      SourceTable.Row("a", images: 5, .cluster, retrieved: -5),
      SourceTable.Row("a", images: 5, .cluster, retrieved: 5, cap: -1),
    ])
  func refusals(row: SourceTable.Row) {
    #expect(throws: CurationError.self) { try SourceTable([row]).total() }
  }

  @Test("refuses a sum beyond the integers")
  func refusesOverflow() {
    let row = SourceTable.Row("a", images: .max, .asIs)
    #expect(throws: CurationError.self) { try SourceTable([row, row]).total() }
  }
}
