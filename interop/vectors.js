'use strict'
// Makes the test vectors of psk-codec and psk-crypto afresh: `node vectors.js SEED DIR` writes DIR/*.json with the
// names and the format of the committed ones. The fields are pseudo-random and follow from SEED alone; the octets are
// whatever the published packages make of them. Only valid packets: what a package cannot or should not write (see
// "Left out" at each file) is not here.

const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')
const { emit, fail } = require('./lib/common')
const {
  AMOUNTS, EDGES, MAX_ADDRESS, MAX_ILP_DATA, SCHEMES, TIMES, address, amount, below, between,
  lengths, letters, number, octets, pick, secret, seed, text, time, times
} = require('./lib/arbitrary')
const BtpPacket = require('btp-packet')
const FiveBells = require('five-bells-condition')

// psk2 0.5.0, its internal encoders, and the older packages it brings along.
const ofPsk2 = createRequire(require.resolve('psk2-0.5.0'))
const { Receiver } = ofPsk2('./receiver')
const encoding = ofPsk2('./encoding')
const condition = ofPsk2('./condition')
const BigNumber = ofPsk2('bignumber.js').default
const Writer = ofPsk2('oer-utils').Writer
const ILP_PACKET = versions('ilp-packet')
const ILDCP = versions('ilp-protocol-ildcp')

function versions (name) {
  return [require, ofPsk2].map(load => ({ version: load(`${name}/package.json`).version, api: load(name) }))
}

const [seedText, dir] = process.argv.slice(2)
if (!seedText || !dir) fail('usage: node vectors.js SEED DIR')
seed(seedText)

const ENVELOPE = 12 + 16 // IV and tag of psk2

// Runs `make` while the package's random octets are `iv`.
function withRandom (iv, make) {
  const randomBytes = crypto.randomBytes
  crypto.randomBytes = length => {
    if (length !== iv.length) throw new Error(`${length} random octets, not ${iv.length}`)
    return iv
  }
  try {
    return make()
  } finally {
    crypto.randomBytes = randomBytes
  }
}

// Runs `make` while the package appends `junk` to the plaintext, as RFC 25 allows; psk2 by itself never does.
function withJunk (junk, make) {
  const getBuffer = Writer.prototype.getBuffer
  Writer.prototype.getBuffer = function () {
    this.write(junk)
    return getBuffer.call(this)
  }
  try {
    return make()
  } finally {
    Writer.prototype.getBuffer = getBuffer
  }
}

// Left out, because the packages write it all the same: amounts of 2^64 (written as 0), years of other than four digits
// (the fields move), destinations that are no addresses, codes that are not ASCII (Latin-1), data and messages that are
// too long. At the Unix epoch they write what RFC 27 says, but do not read it back ("invalid date"): not left out.
const ILP_CODES = ['F00', 'F01', 'F02', 'F03', 'F04', 'F05', 'F06', 'F07', 'F08', 'F99', 'T00', 'T01', 'T02', 'T03',
  'T04', 'T05', 'T99', 'R00', 'R01', 'R02', 'R99', 'F42', 'T77', 'R98', 'X00', 'f00', '000', '???', '~ ~', '\0\0\0']

function ilpPackets () {
  const api = index => ILP_PACKET[index % 2].api
  const prepare = (data, index, more) => {
    const any = { amount: amount(), expiresAt: time(), executionCondition: octets(32), destination: address(), data }
    const fields = { ...any, ...more }
    const packet = api(index).serializeIlpPrepare(fields)
    return { type: 12, ...fields, expiresAt: fields.expiresAt.toISOString(), packet }
  }
  const fulfill = (data, index) => {
    const fields = { fulfillment: octets(32), data }
    return { type: 13, ...fields, packet: api(index).serializeIlpFulfill(fields) }
  }
  const reject = (code, data, message, triggeredBy, index) => {
    const fields = { code, triggeredBy, message, data }
    return { type: 14, ...fields, packet: api(index).serializeIlpReject(fields) }
  }
  const codes = () => pick(ILP_CODES)
  return [
    ...AMOUNTS.map((amount, index) => prepare(octets(0), index, { amount })),
    ...SCHEMES.map((scheme, index) => prepare(octets(0), index, { destination: `${scheme}.a` })),
    ...[9, 126, 127, 128, 129, 255, 256, MAX_ADDRESS - 1, MAX_ADDRESS].map((length, index) =>
      prepare(octets(0), index, { destination: address(length) })),
    ...TIMES.map((text, index) => prepare(octets(0), index, { expiresAt: new Date(text) })),
    ...lengths(8 + 17 + 32 + 1 + 9 + 1, MAX_ILP_DATA).map((length, index) =>
      prepare(octets(length), index, { destination: address(9) })),
    ...times(40, index => prepare(octets(below(40)), index)),
    ...lengths(32 + 1, MAX_ILP_DATA).map((length, index) => fulfill(octets(length), index)),
    ...lengths(3 + 1 + 1 + 1, MAX_ILP_DATA).map((length, index) => reject(codes(), octets(length), '', '', index)),
    ...lengths(3 + 1 + 1 + 1, 8191).map((length, index) => reject(codes(), octets(0), text(length), '', index)),
    ...times(20, index => reject(codes(), octets(below(300)), text(below(300)), address(), index)),
    ...ILP_CODES.map((code, index) => reject(code, octets(below(20)), text(below(20)), pick(['', address()]), index))
  ]
}

// Left out: names that are not ASCII (written as Latin-1, where we demand UTF-8), amounts of 2^64 (written as 0), years
// of other than four digits. Octets as the data of an Error are written as they are, but read back as text.
const BTP_NAMES = { T00: 'UnreachableError', F00: 'NotAcceptedError', F01: 'InvalidFieldsError',
  F03: 'TransferNotFoundError', F04: 'InvalidFulfillmentError', F05: 'DuplicateIdError',
  F06: 'AlreadyRolledBackError', F07: 'AlreadyFulfilledError', F08: 'InsufficientBalanceError' }
const SUB_PROTOCOLS = ['ilp', 'auth', 'auth_username', 'auth_token', 'balance', 'claim', 'info', '']
const ASCII = times(95, index => String.fromCharCode(32 + index)).join('')

function btpPackets () {
  const sub = (length = pick([0, 1, between(0, 200)]), contentType = pick([0, 1, 2, 3, 127, 255])) => ({
    protocolName: below(3) ? pick(SUB_PROTOCOLS) : letters(pick([1, 127, 128, 255, 256, between(1, 60)]), ASCII),
    contentType,
    data: octets(length)
  })
  // An ILP packet of the greatest data is some 34 KB; the last ones have lengths of three octets.
  const oneOf = [...lengths(2 + 1 + 3 + 1 + 1, MAX_ILP_DATA, 8), 34000, 65535, 65536]
  const lists = [
    [],
    ...oneOf.map(length => [{ protocolName: 'ilp', contentType: 0, data: octets(length) }]),
    ...times(10, count => times(count + 1, index => sub(undefined, index % 3))),
    ...times(15, () => times(between(1, 8), () => sub())),
    ...[127, 128, 255, 256, 257].map(count => times(count, () => sub(below(3))))
  ]
  const packets = lists.map((protocolData, index) => {
    const requestId = number()
    switch (index % 4) {
      case 0: return { type: 6, requestId, protocolData, packet: BtpPacket.serializeMessage(requestId, protocolData) }
      case 1: return { type: 1, requestId, protocolData, packet: BtpPacket.serializeResponse(requestId, protocolData) }
      case 2: return transfer(amount(), requestId, protocolData)
      default: return error(pick(Object.keys(BTP_NAMES)), octets(below(50)), requestId, protocolData)
    }
  })
  function transfer (amount, requestId, protocolData) {
    const packet = BtpPacket.serializeTransfer({ amount }, requestId, protocolData)
    return { type: 7, requestId, amount, protocolData, packet }
  }
  function error (code, data, requestId = number(), protocolData = times(below(3), () => sub())) {
    const name = BTP_NAMES[code] || letters(between(0, 40), ASCII)
    const triggeredAt = time()
    const packet = BtpPacket.serializeError({ code, name, triggeredAt, data }, requestId, protocolData)
    return { type: 2, requestId, code, name, triggeredAt: triggeredAt.toISOString(), data, protocolData, packet }
  }
  return packets.concat(
    AMOUNTS.map(amount => transfer(amount, number(), [sub()])),
    lengths(3 + 1 + 19 + 1 + 2, MAX_ILP_DATA, 4).map(length => error(pick(['F00', 'T00']), octets(length))),
    [...Object.keys(BTP_NAMES), 'F02', 'T99', 'R00', 'x y', '\0\0\0', '~~~'].map(code => error(code, octets(8)))
  )
}

// The request of ilp-protocol-ildcp 1.0.0 expires a minute after its clock, which is stopped for that.
function ildcp () {
  const addresses = [...SCHEMES.map(scheme => `${scheme}.a`), ...times(20, () => address())]
  const codes = ['XRP', '', ...EDGES.map(text), ...times(10, () => text(below(20)))]
  const accounts = addresses.map(clientAddress => [clientAddress, pick(codes), pick([0, 1, 9, 127, 128, 255])])
    .concat(codes.map(code => [address(), code, below(256)]), [[address(9), text(MAX_ILP_DATA - 1 - 9 - 1 - 3), 0]])
  return accounts.map(([clientAddress, assetCode, assetScale], index) => {
    const { api } = ILDCP[index % 2]
    const expiresAt = time()
    const clock = Date.now
    Date.now = () => expiresAt.getTime() - 60000
    const request = api.serializeIldcpRequest({ expiresAt })
    Date.now = clock
    const fields = { clientAddress, assetCode, assetScale }
    return { ...fields, packet: api.serializeIldcpResponse(fields), request }
  })
}

// Left out: packets of which the encrypted form is longer than the data of an ILP packet may be (psk2 has no limit),
// and negative amounts (psk2 wraps them). Junk, where there is some, is one more field.
function sealed (serialize, fields, junk) {
  const sharedSecret = secret()
  const iv = octets(12)
  const make = () => withRandom(iv, () => serialize(sharedSecret, fields))
  const encrypted = junk ? withJunk(junk, make) : make()
  const fulfillment = condition.dataToFulfillment(sharedSecret, encrypted)
  const more = { iv, encrypted, fulfillment, condition: condition.fulfillmentToCondition(fulfillment) }
  return { sharedSecret, ...fields, ...(junk && { junk }), ...more }
}

function pskPackets () {
  const fixed = 1 + 4 + 8
  const most = MAX_ILP_DATA - ENVELOPE - fixed - 3
  const packet = (type, data, more = {}, junk) => sealed(encoding.serializePskPacket,
    { type, requestId: number(), amount: new BigNumber(amount()), data, ...more }, junk)
  return [4, 5, 6].flatMap(type => [
    ...lengths(ENVELOPE + fixed + 1, most, 16).map(length => packet(type, octets(length))),
    ...AMOUNTS.map(amount => packet(type, octets(below(60)), { amount: new BigNumber(amount) })),
    ...[0, 1, 2 ** 31, 2 ** 32 - 1].map(requestId => packet(type, octets(below(60)), { requestId })),
    ...[1, 127, 128, 1000, most - 100].map(length => packet(type, octets(below(100)), {}, octets(length)))
  ])
}

function pskChunks () {
  const fixed = 1 + 16 + 4 + 8 + 8
  const most = MAX_ILP_DATA - ENVELOPE - fixed - 3 - 1
  const packet = (type, applicationData, more = {}, junk) => sealed(encoding.serializeLegacyPskPacket, {
    type,
    paymentId: octets(16),
    sequence: number(),
    paymentAmount: new BigNumber(amount()),
    chunkAmount: new BigNumber(amount()),
    applicationData,
    ...more
  }, junk)
  return [0, 1, 2, 3].flatMap(type => [
    ...lengths(ENVELOPE + fixed + 1 + 1, most, 12).map(length => packet(type, octets(length))),
    ...AMOUNTS.map(amount => packet(type, octets(0), { paymentAmount: new BigNumber(amount) })),
    ...AMOUNTS.map(amount => packet(type, octets(0), { chunkAmount: new BigNumber(amount) })),
    ...[1, 128, 1000].map(length => packet(type, octets(below(100)), {}, octets(length)))
  ])
}

// A plugin that knows its address and nothing else.
class AddressPlugin {
  static get version () { return 2 }
  constructor (clientAddress) { this.details = { clientAddress, assetCode: 'XRP', assetScale: 9 } }
  async connect () {}
  async disconnect () {}
  isConnected () { return true }
  registerDataHandler () {}
  deregisterDataHandler () {}
  registerMoneyHandler () {}
  deregisterMoneyHandler () {}
  async sendMoney () {}
  async sendData () { return ILDCP[1].api.serializeIldcpResponse(this.details) }
}

// Left out: destination accounts of more than 1023 characters (psk2 gives them out; they are no addresses).
async function receiverKeys () {
  const made = []
  const tokenLength = 18
  const longest = address => Math.floor((MAX_ADDRESS - address.length - 1) * 3 / 4) - tokenLength
  for (let index = 0; index < 16; index++) {
    const receiverSecret = secret()
    const own = index === 0 ? address(MAX_ADDRESS - 1 - 24) : address(pick([9, 127, 255, between(9, 100), 900]))
    const peer = new Receiver(new AddressPlugin(own), receiverSecret)
    await peer.connect()
    const most = longest(own)
    const keyLengths = [0, 1, 2, 3, 7, 32, between(1, 60), 255, most].filter(length => length <= most)
    for (const keyId of [null, ...keyLengths.map(octets)]) {
      const token = octets(tokenLength)
      const { destinationAccount, sharedSecret } = withRandom(token, () => peer.generateAddressAndSecret(keyId))
      made.push({ receiverSecret, address: own, token, keyId, destinationAccount, sharedSecret })
    }
    for (const registeredSecret of times(3, secret)) {
      const { destinationAccount } = peer.registerRequestHandlerForSecret(registeredSecret, () => {})
      made.push({ receiverSecret, address: own, registeredSecret, destinationAccount })
    }
  }
  return made
}

// Left out: preimages of more than 1024 octets, the longest that psk-codec takes.
function cryptoConditions () {
  const around = length => times(10, index => length - 8 + index)
  const sizes = [0, 1, 2, 3, 31, 32, 33, ...around(128), ...around(256), 1023, 1024]
  return [...sizes, ...times(20, () => 32), ...times(20, () => below(1025))].map(octets).map(preimage => {
    const fulfillment = new FiveBells.PreimageSha256()
    fulfillment.setPreimage(preimage)
    return {
      preimage,
      fulfillment: fulfillment.serializeBinary(),
      condition: fulfillment.getConditionBinary(),
      conditionUri: fulfillment.getConditionUri(),
      fulfillmentUri: fulfillment.serializeUri()
    }
  })
}

// Octets as hexadecimal digits, amounts as decimal ones.
function plain (value) {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (value instanceof BigNumber) return value.toFixed()
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

async function main () {
  const named = list => list.map(({ version }) => version).join(' and ') + ' in turn'
  const files = {
    'ilp-packets': ['ilp-packet ' + named(ILP_PACKET), ilpPackets],
    'btp-packets': ['btp-packet 2.2.1', btpPackets],
    ildcp: ['ilp-protocol-ildcp ' + named(ILDCP), ildcp],
    'psk-packets': ['ilp-protocol-psk2 0.5.0', pskPackets],
    'psk-chunks': ['ilp-protocol-psk2 0.5.0', pskChunks],
    'receiver-keys': ['ilp-protocol-psk2 0.5.0', receiverKeys],
    'crypto-conditions': ['five-bells-condition 5.0.1', cryptoConditions]
  }
  fs.mkdirSync(dir, { recursive: true })
  const counts = {}
  for (const [name, [packages, make]] of Object.entries(files)) {
    const vectors = plain(await make())
    const about = `interop/vectors.js with seed ${seedText}; produced by running npm ${packages}.`
    fs.writeFileSync(path.join(dir, `${name}.json`), JSON.stringify({ about, vectors }, null, 1) + '\n')
    counts[name] = vectors.length
  }
  emit({ event: 'vectors', seed: seedText, counts })
}

main().catch(fail)
