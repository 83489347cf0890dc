'use strict'
// An ILP connector made of npm parts: one or two ilp-plugin-mini-accounts servers, "left" and "right", and a few
// lines of glue that forward a Prepare to the client whose address it names, on the other side or on the same one.
//
// Facts about ilp-plugin-mini-accounts 4.2.0 that matter here:
// - Account names. Without a store ("hash"): base64url(sha256(token)), and a client that sends auth_username gets an
//   F00 error unless it is that same hash. With a store and generateAccount undefined ("both", our default):
//   auth_username when it is sent and not empty, else the hash. With a store and generateAccount=false ("username"):
//   auth_username is required. With a store the first token seen for an account is the account's token from then on.
//   allowedOrigins has nothing to do with it: it is the list of Origin headers (browsers) that are let in.
// - A packet between two clients of the same server comes to the data handler like any other (the plugin never
//   routes by itself except peer.config), and sendData delivers it to any client of that server.
// - A client address is prefix + account, but delivery goes by the first segment after the prefix, so an account
//   name with a dot in it can send and never receive.
// - sendData writes to every socket of the account, answers R00 by itself when the packet expires, and turns a
//   fulfillment that does not fit into F05. It throws when no client of that account is connected.
// - The data handler is not told who sent the packet; _handleCustomData is, so that one is used here.

const { commands, emit, fail, increment, options, sleep } = require('./lib/common')
const IlpPacket = require('ilp-packet')
const MiniAccounts = require('ilp-plugin-mini-accounts')
const MemoryStore = require('ilp-store-memory')

const SETTINGS = {
  rate: { numerator: '1', denominator: '1' }, // left -> right, rounded down
  rateBack: null, // right -> left, default the inverse of rate
  sameSideRate: { numerator: '1', denominator: '1' }, // between two clients of one side
  maxPacketAmount: null, // "10000" or {"left": "10000", "right": null}, by the side the packet comes from, its unit
  maxPacketAmountOut: null, // the same, but checked (and reported) in the unit of the outgoing packet
  maxPacketCode: 'F08', // F08 | F08-empty | T04
  latencyMs: 0, // each way: before a Prepare is handled and before its answer goes back
  t04Every: 0, // every n-th prepare of a side is answered T04 (counted from the start or the last "set")
  liquidity: null, // {"perSecond": "50000", "burst": "50000"} token bucket per side, source units, T04 when empty
  hopMs: 1000, // taken off the expiry
  maxHoldMs: 30000, // the expiry is at most this far off
  unreachableCode: 'F02' // the client is not connected; F02 is what ilp-connector answers
}

const opts = options(Object.assign({
  left: {}, // {"prefix": "test.left.", "assetCode": "XRP", "assetScale": 9, "accountMode": "both|hash|username"}
  right: {} // the same; null: one server only
}, SETTINGS))
let settings = check(opts)

const { AmountTooLargeError, InsufficientLiquidityError, InsufficientTimeoutError, TransferTimedOutError,
  UnreachableError } = IlpPacket.Errors

const sides = {}
const accounts = {} // full client address -> {prepares, sent, received}

function check (given) {
  const rate = pair => ({ numerator: BigInt(pair.numerator), denominator: BigInt(pair.denominator) })
  const perSide = value => value !== null && typeof value === 'object' ? value : { left: value, right: value }
  const amounts = value => {
    const { left, right } = perSide(value)
    return { left: left ? BigInt(left) : null, right: right ? BigInt(right) : null }
  }
  if (!['F08', 'F08-empty', 'T04'].includes(given.maxPacketCode)) fail('maxPacketCode is F08, F08-empty or T04')
  const there = rate(given.rate)
  return Object.assign({}, given, {
    rate: there,
    rateBack: given.rateBack ? rate(given.rateBack) : { numerator: there.denominator, denominator: there.numerator },
    sameSideRate: rate(given.sameSideRate),
    maxPacketAmount: amounts(given.maxPacketAmount),
    maxPacketAmountOut: amounts(given.maxPacketAmountOut)
  })
}

function account (address) {
  if (!accounts[address]) accounts[address] = { prepares: 0, sent: 0n, received: 0n }
  return accounts[address]
}

class Side {
  constructor (name, given) {
    const known = ['prefix', 'assetCode', 'assetScale', 'accountMode']
    for (const key of Object.keys(given)) if (!known.includes(key)) fail(`unknown option "${name}.${key}"`)
    this.name = name
    this.prefix = given.prefix || `test.${name}.`
    if (!this.prefix.endsWith('.')) fail(`the prefix of ${name} must end with a dot`)
    this.address = this.prefix.slice(0, -1)
    this.assetCode = given.assetCode || 'XRP'
    this.assetScale = given.assetScale === undefined ? 9 : given.assetScale
    this.accountMode = given.accountMode || 'both'
    this.count = 0
    this.bucket = null
    this.stats = {
      prepares: 0, // packets from clients of this side
      in_flight: 0,
      max_in_flight: 0,
      fulfills: 0,
      rejects: {}, // code -> count
      forwarded: 0n, // what left for a client somewhere, in that client's unit
      fulfilled_in: 0n, // what clients of this side have paid, in this side's unit
      fulfilled_out: 0n // what that became, in the unit of the side it went to
    }
  }

  async listen () {
    const modes = {
      both: { _store: new MemoryStore() },
      hash: {},
      username: { _store: new MemoryStore(), generateAccount: false }
    }
    if (!modes[this.accountMode]) fail(`accountMode is ${Object.keys(modes).join(', ')}`)
    this.plugin = new MiniAccounts(Object.assign({
      wsOpts: { host: '127.0.0.1', port: 0 },
      debugHostIldcpInfo: { clientAddress: this.address, assetCode: this.assetCode, assetScale: this.assetScale }
    }, modes[this.accountMode]))
    this.plugin._handleCustomData = async (from, btpPacket) => {
      const { ilp } = this.plugin.protocolDataToIlpAndCustom(btpPacket.data)
      if (!ilp) throw new Error('invalid packet, no ilp protocol data.')
      return this.plugin.ilpAndCustomToProtocolData({ ilp: await handle(this, from, ilp) })
    }
    await this.plugin.connect()
    const wss = this.plugin._wss
    if (!wss.address()) await new Promise(resolve => wss.once('listening', resolve))
    const { port } = wss.address()
    return {
      url_template: `btp+ws://{user}:{token}@127.0.0.1:${port}`,
      port,
      prefix: this.prefix,
      asset_code: this.assetCode,
      asset_scale: this.assetScale,
      account_mode: this.accountMode
    }
  }

  // The same bucket as ilp-connector's throughput middleware, in BigInt thousandths.
  take (amount) {
    const { liquidity } = settings
    if (!liquidity || amount === 0n) return true
    const perSecond = BigInt(liquidity.perSecond)
    const full = BigInt(liquidity.burst || liquidity.perSecond) * 1000n
    const now = Date.now()
    if (!this.bucket) this.bucket = { left: full, at: now }
    const left = this.bucket.left + BigInt(now - this.bucket.at) * perSecond
    this.bucket = { left: left < full ? left : full, at: now }
    if (this.bucket.left < amount * 1000n) return false
    this.bucket.left -= amount * 1000n
    return true
  }

  drop (name) {
    const sockets = name
      ? Array.from(this.plugin._connections.get(name) || [])
      : Array.from(this.plugin._wss.clients)
    for (const socket of sockets) socket.terminate()
    return sockets.length
  }
}

async function handle (side, from, ilp) {
  const { stats } = side
  stats.prepares++
  stats.in_flight++
  stats.max_in_flight = Math.max(stats.max_in_flight, stats.in_flight)
  account(from).prepares++
  if (settings.latencyMs) await sleep(settings.latencyMs)
  let reply
  try {
    reply = await forward(side, from, ilp)
  } catch (err) {
    reply = IlpPacket.errorToReject(side.address, err)
  }
  stats.in_flight--
  if (reply[0] === IlpPacket.Type.TYPE_ILP_FULFILL) stats.fulfills++
  else increment(stats.rejects, IlpPacket.deserializeIlpReject(reply).code)
  if (settings.latencyMs) await sleep(settings.latencyMs)
  return reply
}

async function forward (side, from, ilp) {
  const prepare = IlpPacket.deserializeIlpPrepare(ilp)
  const amount = BigInt(prepare.amount)
  side.count++
  if (settings.t04Every && side.count % settings.t04Every === 0) {
    throw new InsufficientLiquidityError('every so often there is no liquidity.')
  }
  const tooLarge = (received, maximum) => {
    if (settings.maxPacketCode === 'T04') throw new InsufficientLiquidityError('packet size too large.')
    if (settings.maxPacketCode === 'F08-empty') {
      return IlpPacket.serializeIlpReject({
        code: 'F08', message: 'packet size too large.', triggeredBy: side.address, data: Buffer.alloc(0)
      })
    }
    throw new AmountTooLargeError(`packet size too large. maxAmount=${maximum} actualAmount=${received}`,
      { receivedAmount: String(received), maximumAmount: String(maximum) })
  }
  const maximum = settings.maxPacketAmount[side.name]
  if (maximum !== null && amount > maximum) return tooLarge(amount, maximum)
  if (!side.take(amount)) throw new InsufficientLiquidityError('exceeded money bandwidth, throttling.')

  const target = Object.values(sides).find(s => prepare.destination.startsWith(s.prefix))
  if (!target) throw new UnreachableError('no route found. destination=' + prepare.destination)
  const rate = target === side ? settings.sameSideRate : side.name === 'left' ? settings.rate : settings.rateBack
  const outgoing = amount * rate.numerator / rate.denominator
  const maximumOut = settings.maxPacketAmountOut[side.name]
  if (maximumOut !== null && outgoing > maximumOut) return tooLarge(outgoing, maximumOut)

  const now = Date.now()
  if (prepare.expiresAt.getTime() <= now) throw new TransferTimedOutError('packet has expired.')
  const expiry = Math.min(prepare.expiresAt.getTime() - settings.hopMs, now + settings.maxHoldMs)
  if (expiry <= now) throw new InsufficientTimeoutError('packet expires too soon to forward it.')

  side.stats.forwarded += outgoing
  let reply
  try {
    reply = await target.plugin.sendData(IlpPacket.serializeIlpPrepare(
      Object.assign({}, prepare, { amount: outgoing.toString(), expiresAt: new Date(expiry) })))
  } catch (err) {
    return IlpPacket.serializeIlpReject({
      code: settings.unreachableCode,
      message: 'failed to send packet: ' + err.message,
      triggeredBy: target.address,
      data: Buffer.alloc(0)
    })
  }
  if (reply[0] === IlpPacket.Type.TYPE_ILP_FULFILL) {
    side.stats.fulfilled_in += amount
    side.stats.fulfilled_out += outgoing
    account(from).sent += amount
    account(target.prefix + target.plugin.ilpAddressToAccount(prepare.destination)).received += outgoing
  }
  return reply
}

async function main () {
  const line = { event: 'listening' }
  for (const name of ['left', 'right']) {
    if (!opts[name]) continue
    sides[name] = new Side(name, opts[name])
    line[name] = await sides[name].listen()
  }
  emit(line)
}

function digits (object) {
  return JSON.parse(JSON.stringify(object, (key, value) => typeof value === 'bigint' ? value.toString() : value))
}

commands({
  stats: () => emit(digits(Object.assign({ event: 'stats' },
    Object.fromEntries(Object.values(sides).map(s => [s.name, s.stats])), { accounts }))),
  drop: ({ side, account: name }) => emit({ event: 'dropped', side, sockets: sides[side].drop(name) }),
  set: ({ cmd, ...changed }) => {
    for (const key of Object.keys(changed)) if (!(key in SETTINGS)) fail(`"${key}" cannot be set`)
    Object.assign(opts, changed)
    settings = check(opts)
    for (const s of Object.values(sides)) {
      s.bucket = null
      s.count = 0
    }
    emit({ event: 'set' })
  }
})
main().catch(fail)
