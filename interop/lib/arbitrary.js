'use strict'
// Pseudo-random values that follow from a seed, and the values at the edges of what the protocols allow (vectors.js).

const crypto = require('crypto')

// Pseudo-random octets: the key stream of AES-256 under the seed's hash.
let stream
function seed (text) {
  const key = crypto.createHash('sha256').update(text).digest()
  stream = crypto.createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
}
const octets = length => stream.update(Buffer.alloc(length))
const below = bound => octets(6).readUIntBE(0, 6) % bound
const between = (least, most) => least + below(most - least + 1)
const pick = list => list[below(list.length)]
const times = (count, make) => Array.from({ length: count }, (_, index) => make(index))

const MAX_ILP_DATA = 32767
const MAX_ADDRESS = 1023
const EDGES = [0, 1, 127, 128, 255, 256]

// Lengths of a last field: the edges of its own length prefix, those of what it is in (which has `before` octets
// before it, prefix included), the greatest, and random ones, mostly small.
function lengths (before, most, random = 12) {
  const outer = EDGES.map(edge => edge - before).filter(length => length >= 0)
  const some = times(random, index => below(index % 4 === 0 ? Math.min(most, 3000) : 300))
  return [...new Set([...EDGES, ...outer, ...some, most])].filter(length => length <= most)
}

const AMOUNTS = ['0', '1', '255', '256', '4294967295', '4294967296', '9007199254740992', '9223372036854775807',
  '9223372036854775808', '18446744073709551615']
const amount = () => below(2) ? pick(AMOUNTS) : (octets(8).readBigUInt64BE() >> BigInt(below(64))).toString()
const number = () => pick([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, octets(4).readUInt32BE(), below(1000)])

const TIMES = ['1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.001Z', '1999-12-31T23:59:59.999Z',
  '2000-02-29T00:00:00.010Z', '2096-02-29T23:59:59.100Z', '2100-02-28T23:59:59.999Z', '2100-03-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z']
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')
const time = () => new Date(pick([pick(TIMES), below(Date.parse('2100-01-01')), below(LAST_TIME + 1)]))

const SCHEMES = ['g', 'private', 'example', 'peer', 'self', 'test', 'test1', 'test2', 'test3', 'local']
const ADDRESS_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~-'
const letters = (length, of = ADDRESS_LETTERS) => times(length, () => pick(of)).join('')

// An address of this length (at least 9, so that every scheme fits), in segments of any length.
function address (length = pick([9, 127, 128, 255, 256, MAX_ADDRESS, between(9, 60), between(9, 60), between(9, 60)])) {
  let text = pick(SCHEMES)
  while (text.length < length) {
    const room = length - text.length - 1
    const segment = Math.min(room, pick([1, between(1, 30), between(1, 1000)]))
    // A single character that is left over would be a dot without a segment.
    text += '.' + letters(room - segment === 1 ? room : segment)
  }
  return text
}

// Text of at most so many octets of UTF-8, as many as fit.
function text (length) {
  let made = ''
  for (let room = length; room > 0;) {
    const next = pick(['a', 'Z', ' ', '"', '\\', '\n', '\u0000', '\u007f', 'ö', 'ß', '€', '汇', '🙂'])
    if (Buffer.byteLength(next) > room) continue
    made += next
    room -= Buffer.byteLength(next)
  }
  return made
}

// 32 octets or more; from 65 on HMAC hashes them first.
const secret = () => octets(below(3) ? 32 : pick([33, 63, 64, 65, 128, between(32, 200)]))

module.exports = {
  AMOUNTS, EDGES, MAX_ADDRESS, MAX_ILP_DATA, SCHEMES, TIMES, address, amount, below, between,
  lengths, letters, number, octets, pick, secret, seed, text, time, times
}
