import Telemetry
import Testing

@Suite("NumberFormat")
struct NumberFormatTests {
  @Test(
    "groups of three digits are separated",
    arguments: [
      (0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (-1_000, "-1,000"),
      (-999, "-999"), (22_056_576, "22,056,576"), (Int.min, "-9,223,372,036,854,775,808"),
    ])
  func grouped(value: Int, expected: String) {
    #expect(NumberFormat.grouped(value) == expected)
  }

  @Test(
    "decimals are fixed and rounded half away from zero",
    arguments: [
      (3.2, 2, "3.20"), (0.05, 1, "0.1"), (2.5, 0, "3"), (-2.5, 0, "-3"), (-0.04, 1, "0.0"),
      (1e18, 1, "1e+18"), (99.96, 1, "100.0"), (0.007, 3, "0.007"), (Double.nan, 2, "nan"),
      (-Double.infinity, 2, "-inf"),
    ])
  func fixed(value: Double, decimals: Int, expected: String) {
    #expect(NumberFormat.fixed(value, decimals: decimals) == expected)
  }

  @Test(
    "about three digits are kept",
    arguments: [
      (0, "0.000"), (0.1234, "0.123"), (0.9996, "1.00"), (3.204, "3.20"), (9.999, "10.0"),
      (31.24, "31.2"), (312.4, "312"), (12_345.4, "12,345"),
    ])
  func threeDigits(value: Double, expected: String) {
    #expect(NumberFormat.threeDigits(value) == expected)
  }

  @Test(
    "times read in their two largest units",
    arguments: [
      (Duration.zero, "0 s"), (.milliseconds(420), "0.4 s"), (.seconds(4), "4 s"),
      (.milliseconds(949), "0.9 s"), (.milliseconds(950), "1 s"), (.seconds(-3), "0 s"),
      (.milliseconds(59_600), "1 min 0 s"), (.seconds(130), "2 min 10 s"),
      (.seconds(11_100), "3 h 5 min"), (.seconds(183_600), "2 d 3 h"),
    ])
  func time(duration: Duration, expected: String) {
    #expect(NumberFormat.time(duration) == expected)
  }
}

@Suite("ByteCount")
struct ByteCountTests {
  @Test(
    "sizes print in decimal units",
    arguments: [
      (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"),
      (88_283_115, "88.3 MB"), (1_217_586_395, "1.2 GB"), (-1_500, "-1.5 kB"),
      (Int.max, "9.2 EB"),
    ])
  func description(bytes: Int, expected: String) {
    #expect(ByteCount(bytes).description == expected)
  }
}
