'use strict'
// A rate backend for ilp-connector with given rates, {"from->to": {"numerator", "denominator"}}, whatever the asset
// scales are; a pair that is not listed is 1. ilp-connector multiplies with a BigNumber and rounds down, so the rate
// is handed over as a decimal fraction: 40 digits, rounded up at the end so that 3 x 1/3 is 1 and not 0.

const DIGITS = 40

module.exports = class FixedRateBackend {
  constructor (opts) {
    this.rates = opts.rates || {}
  }

  async connect () {}

  async getRate (from, to) {
    const rate = this.rates[`${from}->${to}`]
    if (!rate) return '1'
    const numerator = BigInt(rate.numerator) * 10n ** BigInt(DIGITS)
    const denominator = BigInt(rate.denominator)
    const digits = ((numerator + denominator - 1n) / denominator).toString().padStart(DIGITS + 1, '0')
    return `${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS)}`
  }

  async submitPayment () {}
}
