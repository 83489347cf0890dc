'use strict'
// Figures for the npm packages on loopback, to compare ours with: psk2 0.5.0 requests per second in one process, the
// same through BTP and mini-accounts (three processes: sender, accounts.js, receiver), and a chunked payment.
// One JSON line per figure. `node bench.js <word>` runs only the figures whose name contains the word.

const { emit, fail, psk2 } = require('./lib/common')
const { Child, send } = require('./lib/child')
const IldcpHost = require('ilp-protocol-ildcp')

const only = process.argv[2] || ''

// A plugin whose sendData calls the other one's data handler directly; the receiving one answers IL-DCP itself.
class MockPlugin {
  static get version () { return 2 }
  constructor () { this.peer = null; this.handler = null }
  async connect () {}
  async disconnect () {}
  isConnected () { return true }
  registerDataHandler (handler) { this.handler = handler }
  deregisterDataHandler () { this.handler = null }
  registerMoneyHandler () {}
  deregisterMoneyHandler () {}
  async sendMoney () {}
  async sendData (data) {
    if (this.peer.handler) return this.peer.handler(data)
    return IldcpHost.serve({
      requestPacket: data,
      handler: async () => ({ clientAddress: 'test.mock', assetScale: 9, assetCode: 'XRP' }),
      serverAddress: 'test'
    })
  }
}

async function inMemory (name, count, concurrency) {
  if (!name.includes(only)) return
  const sender = new MockPlugin()
  const plugin = new MockPlugin()
  sender.peer = plugin
  plugin.peer = sender
  const { createReceiver, sendRequest } = psk2('0.5.0')
  const receiver = await createReceiver({ plugin, requestHandler: async params => params.accept() })
  const { destinationAccount, sharedSecret } = receiver.generateAddressAndSecret()
  let next = 0
  const run = async total => {
    next = 0
    await Promise.all(Array.from({ length: concurrency }, async () => {
      while (next++ < total) {
        const result = await sendRequest(sender, { destinationAccount, sharedSecret, sourceAmount: '1000' })
        if (!result.fulfilled) throw new Error('not fulfilled')
      }
    }))
  }
  await run(1000) // warm up
  const start = process.hrtime.bigint()
  await run(count)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  emit({ figure: name, requests: count, in_flight: concurrency, seconds, per_second: Math.round(count / seconds) })
}

// accounts.js and receive.js as children, and the options with which send.js reaches them.
async function network (accounts, mode, run) {
  const connector = new Child('accounts.js', accounts)
  const line = await connector.wait('listening')
  const url = (side, user) => line[side].url_template.replace('{user}', user).replace('{token}', 'token')
  const receiver = new Child('receive.js', { version: '0.5.0', server: url('right', 'bob'), mode, quiet: true })
  const { destination_account, shared_secret } = await receiver.wait('listening')
  await run({ version: '0.5.0', server: url('left', 'alice'), destination_account, shared_secret, timeout_ms: 300000 })
  await Promise.all([receiver.close(), connector.close()])
}

async function overBtp (name, count, concurrency) {
  if (!name.includes(only)) return
  await network({}, 'request', async base => {
    await send(Object.assign({ source_amount: '1000', repeat: 500, concurrency }, base)) // warm up
    const result = await send(Object.assign({ source_amount: '1000', repeat: count, concurrency }, base))
    if (result.fulfilled !== count) throw new Error(JSON.stringify(result))
    emit({ figure: name, requests: count, in_flight: concurrency, seconds: result.seconds,
      per_second: result.per_second })
  })
}

async function chunked (name, accounts) {
  if (!name.includes(only)) return
  await network(accounts, 'payment', async base => {
    const result = await send(Object.assign({ method: 'sendSourceAmount', source_amount: '1000000' }, base))
    if (result.destination_amount !== '1000000') throw new Error(JSON.stringify(result))
    emit({ figure: name, amount: '1000000', seconds: result.seconds, packets: result.wire.prepares,
      rejects: result.wire.rejects })
  })
}

async function main () {
  await inMemory('memory, one at a time', 10000, 1)
  await inMemory('memory, 32 in flight', 10000, 32)
  await overBtp('btp, one at a time', 5000, 1)
  await overBtp('btp, 32 in flight', 10000, 32)
  await overBtp('btp, 256 in flight', 10000, 256)
  await chunked('chunked, 50 ms per packet, maximum 10000 (T04)',
    { latencyMs: 25, maxPacketAmount: '10000', maxPacketCode: 'T04' })
  await chunked('chunked, no delay, maximum 10000 (T04)', { maxPacketAmount: '10000', maxPacketCode: 'T04' })
  process.exit(0)
}
main().catch(fail)
