'use strict'
// A PSKv2 receiver of a published ilp-protocol-psk2, connected with ilp-plugin-btp.

const { commands, emit, fail, fromB64, increment, need, options, psk2, sleep, toB64 } = require('./lib/common')
const crypto = require('crypto')
const IlpPacket = require('ilp-packet')
const BtpPlugin = require('ilp-plugin-btp')

const opts = options({
  version: '0.5.0', // 0.2.1 | 0.3.1 | 0.5.0
  server: null, // btp+ws://user:token@127.0.0.1:port
  mode: 'payment', // payment | request (not in 0.2.1) | request-for-secret (0.5.0 only)
  acceptDelayMs: 0, // how long the handler waits before it accepts or rejects
  response: '', // text that goes with accept or reject of a request
  response_octets: null, // the same as base64url, in place of response
  echo: false, // answer with the request's data
  rejectAll: false,
  quiet: false, // no "fulfilled" and "request" lines (for benchmarks)
  secret: null, // the receiver's secret, base64url of 32 octets or more; default random
  shared_secret: null, // for request-for-secret; default random
  key_id: null // base64url, appended to the token (0.3.1 and later)
})
need(opts, 'server')
if (opts.mode !== 'payment' && opts.version === '0.2.1') fail('0.2.1 has only the mode "payment"')
if (opts.mode === 'request-for-secret' && opts.version !== '0.5.0') fail('request-for-secret needs 0.5.0')

const stats = { prepares: 0, fulfilled: 0, total: 0n, rejects: {}, payments: 0, requests: 0 }
let receiver

// The only way to see every packet: the receiver's data handler, wrapped on its way to the plugin.
function watch (plugin) {
  const register = plugin.registerDataHandler.bind(plugin)
  plugin.registerDataHandler = handler => register(async data => {
    stats.prepares++
    const reply = await handler(data)
    if (reply[0] === IlpPacket.Type.TYPE_ILP_FULFILL) {
      const { amount } = IlpPacket.deserializeIlpPrepare(data)
      stats.fulfilled++
      stats.total += BigInt(amount)
      if (!opts.quiet) emit({ event: 'fulfilled', amount, total: stats.total.toString() })
    } else {
      increment(stats.rejects, IlpPacket.deserializeIlpReject(reply).code)
    }
    return reply
  })
  return plugin
}

async function paymentHandler (params) {
  if (opts.acceptDelayMs) await sleep(opts.acceptDelayMs)
  if (opts.rejectAll) return params.reject('rejected by the test receiver')
  const payment = await params.accept()
  stats.payments++
  emit({
    event: 'payment',
    id: toB64(payment.id),
    received: payment.receivedAmount,
    expected: payment.expectedAmount,
    chunks_fulfilled: payment.chunksFulfilled,
    chunks_rejected: payment.chunksRejected
  })
}

// A legacy chunk that comes to a request handler shows as data = payment id (16 octets) and sequence (4).
async function requestHandler (params) {
  stats.requests++
  // Unfulfillable ones are not shown to the handler by 0.3.1, which has no such flag.
  const fulfillable = params.isFulfillable === undefined ? true : params.isFulfillable
  if (!opts.quiet) {
    emit({
      event: 'request',
      amount: params.amount.toFixed(), // 0.5.0 gives 0 when it is not fulfillable
      data: toB64(params.data),
      fulfillable,
      key_id: params.keyId ? toB64(params.keyId) : null
    })
  }
  if (opts.acceptDelayMs) await sleep(opts.acceptDelayMs)
  const response = opts.echo ? params.data
    : opts.response_octets ? fromB64(opts.response_octets) : Buffer.from(opts.response)
  if (opts.rejectAll || !fulfillable) return params.reject(response)
  return params.accept(response)
}

function address () {
  if (opts.mode === 'request-for-secret') {
    const secret = opts.shared_secret ? fromB64(opts.shared_secret) : crypto.randomBytes(32)
    return receiver.registerRequestHandlerForSecret(secret, requestHandler)
  }
  return receiver.generateAddressAndSecret(opts.key_id ? fromB64(opts.key_id) : undefined)
}

function told (event) {
  const { destinationAccount, sharedSecret } = address()
  emit({ event, destination_account: destinationAccount, shared_secret: toB64(sharedSecret) })
}

async function main () {
  const handlers = {
    payment: { paymentHandler },
    request: { requestHandler },
    'request-for-secret': {}
  }[opts.mode]
  if (!handlers) fail(`unknown mode "${opts.mode}"`)
  receiver = await psk2(opts.version).createReceiver(Object.assign(
    { plugin: watch(new BtpPlugin({ server: opts.server })) },
    opts.secret ? { secret: fromB64(opts.secret) } : {},
    handlers))
  told('listening')
}

commands({
  address: () => told('address'), // a further destination account and shared secret
  stats: () => emit(Object.assign({ event: 'stats' }, stats, {
    total: stats.total.toString(),
    records: Object.keys(receiver.payments).length // what the package remembers of payments, never removed
  }))
})
main().catch(fail)
