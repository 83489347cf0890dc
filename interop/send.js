'use strict'
// Sends with a published ilp-protocol-psk2 over ilp-plugin-btp, prints the package's result, and ends.

const { commands, emit, fail, fromB64, increment, need, options, plain, psk2 } = require('./lib/common')
const crypto = require('crypto')
const IlpPacket = require('ilp-packet')
const BtpPlugin = require('ilp-plugin-btp')

const opts = options({
  version: '0.5.0', // 0.2.1 | 0.3.1 | 0.5.0
  server: null, // btp+ws://user:token@127.0.0.1:port
  method: 'sendRequest', // and sendSourceAmount, sendDestinationAmount, sendSingleChunk, quoteSourceAmount,
  // quoteDestinationAmount; sendRequest is not in 0.2.1
  destination_account: null,
  shared_secret: null,
  source_amount: null,
  destination_amount: null,
  min_destination_amount: null,
  data: null, // base64url (sendRequest)
  data_text: null, // the same as text
  unfulfillable: false, // sendRequest with a random condition
  expires_in_ms: null, // sendRequest; the package's own value is 30 s
  request_id: null, // sendRequest; default random, or counted up from 0 by repeat
  id: null, // payment id, base64url of 16 octets
  sequence: null, // sendSingleChunk with id: sequence of the first, counted up by repeat
  last_chunk: true, // sendSingleChunk with id
  repeat: 1, // how often; with more than 1 the result is a summary
  concurrency: 1, // how many at once
  timeout_ms: 60000, // for all of it, connecting included
  max_prepares: 100000 // a sender that wants more than this is stopped with an error
})
need(opts, 'server', 'destination_account', 'shared_secret')

const seen = { prepares: 0, prepared: 0n, fulfills: 0, fulfilled: 0n, rejects: {}, max_in_flight: 0 }
let inFlight = 0

// What went over the wire, whatever the package says about it.
function watched () {
  return {
    prepares: seen.prepares,
    prepared_amount: seen.prepared.toString(),
    fulfills: seen.fulfills,
    fulfilled_amount: seen.fulfilled.toString(),
    rejects: seen.rejects,
    max_in_flight: seen.max_in_flight
  }
}

function watch (plugin) {
  const sendData = plugin.sendData.bind(plugin)
  plugin.sendData = async data => {
    if (seen.prepares >= opts.max_prepares) fail('more prepares than max_prepares', { wire: watched() })
    const amount = BigInt(IlpPacket.deserializeIlpPrepare(data).amount)
    seen.prepares++
    seen.prepared += amount
    seen.max_in_flight = Math.max(seen.max_in_flight, ++inFlight)
    try {
      const reply = await sendData(data)
      if (reply[0] === IlpPacket.Type.TYPE_ILP_FULFILL) {
        seen.fulfills++
        seen.fulfilled += amount
      } else if (reply[0] === IlpPacket.Type.TYPE_ILP_REJECT) {
        increment(seen.rejects, IlpPacket.deserializeIlpReject(reply).code)
      } else {
        increment(seen.rejects, 'none')
      }
      return reply
    } catch (err) {
      increment(seen.rejects, 'thrown')
      throw err
    } finally {
      inFlight--
    }
  }
  return plugin
}

function parameters (index) {
  const params = { destinationAccount: opts.destination_account, sharedSecret: fromB64(opts.shared_secret) }
  if (opts.source_amount !== null) params.sourceAmount = opts.source_amount
  if (opts.destination_amount !== null) params.destinationAmount = opts.destination_amount
  if (opts.min_destination_amount !== null) params.minDestinationAmount = opts.min_destination_amount
  if (opts.id !== null) params.id = fromB64(opts.id)
  if (opts.method === 'sendRequest') {
    if (opts.data !== null) params.data = fromB64(opts.data)
    if (opts.data_text !== null) params.data = Buffer.from(opts.data_text)
    if (opts.unfulfillable) params.unfulfillableCondition = crypto.randomBytes(32)
    if (opts.expires_in_ms !== null) params.expiresAt = new Date(Date.now() + opts.expires_in_ms)
    if (opts.request_id !== null) params.requestId = opts.request_id + index
  }
  if (opts.method === 'sendSingleChunk' && opts.id !== null) {
    params.sequence = (opts.sequence || 0) + index
    params.lastChunk = opts.last_chunk
  }
  return params
}

// `repeat` calls, `concurrency` at a time; the summary of them.
async function repeated (call) {
  const summary = { fulfilled: 0, rejected: 0, failed: 0, codes: {}, errors: {}, destination_amount: 0n }
  let next = 0
  const worker = async () => {
    while (next < opts.repeat) {
      const index = next++
      try {
        const result = await call(index)
        if (result.code === undefined && result.fulfilled !== false) {
          summary.fulfilled++
          summary.destination_amount += BigInt(plain(result.destinationAmount))
        } else {
          summary.rejected++
          increment(summary.codes, result.code)
        }
      } catch (err) {
        summary.failed++
        increment(summary.errors, err.message)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(opts.concurrency, opts.repeat) }, worker))
  return plain(summary)
}

async function main () {
  const send = psk2(opts.version)[opts.method]
  if (typeof send !== 'function') fail(`${opts.version} has no "${opts.method}"`)
  setTimeout(() => fail(`no result in ${opts.timeout_ms} ms`, { wire: watched() }), opts.timeout_ms)
  const plugin = watch(new BtpPlugin({ server: opts.server }))
  await plugin.connect()
  const call = index => send(plugin, parameters(index))
  const start = process.hrtime.bigint()
  const result = opts.repeat === 1 ? snake(await call(0)) : await repeated(call)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const extra = opts.repeat === 1 ? {} : { requests: opts.repeat, per_second: Math.round(opts.repeat / seconds) }
  emit(Object.assign({ event: 'result', version: opts.version, method: opts.method }, result, { seconds }, extra,
    { wire: watched() }))
  process.exit(0)
}

// The package's fields under the names the other lines use: destinationAmount -> destination_amount.
function snake (result) {
  return Object.fromEntries(Object.entries(plain(result)).map(([name, value]) =>
    [name.replace(/[A-Z]/g, letter => '_' + letter.toLowerCase()), value]))
}

commands({ stats: () => emit(Object.assign({ event: 'stats' }, { wire: watched() })) },
  () => fail('stdin was closed before the result', { wire: watched() }))
main().catch(err => fail(err, { wire: watched() }))
