'use strict'
// JS against JS through every script of this folder: each case says what must come out, the surprising ones of the
// published packages included. Prints a table; exit status 1 when anything is not as expected.
// `node selftest.js <word>` runs only the groups whose name contains the word.

const assert = require('assert')
const { Child, send } = require('./lib/child')

const VERSIONS = ['0.2.1', '0.3.1', '0.5.0']
const rows = []
const open = []

async function start (script, opts) {
  const child = new Child(script, opts)
  open.push(child)
  return { child, line: await child.wait('listening') }
}

async function connector (opts) {
  const { child, line } = await start('accounts.js', opts)
  return {
    child,
    line,
    url: (side, user, token = 'token-' + user) =>
      line[side].url_template.replace('{user}', user).replace('{token}', token),
    stats: () => child.command({ cmd: 'stats' }, 'stats')
  }
}

async function receiver (opts) {
  const { child, line } = await start('receive.js', opts)
  return {
    child,
    line,
    to: { destination_account: line.destination_account, shared_secret: line.shared_secret },
    stats: () => child.command({ cmd: 'stats' }, 'stats')
  }
}

// One case: run it, compare with what is expected, note what came out.
async function test (group, name, run) {
  let ok = true
  let got
  try {
    got = await run()
  } catch (err) {
    ok = false
    got = err.message.replace(/\s*\n\s*/g, ' ').slice(0, 200)
  }
  rows.push({ group, name, ok, got })
  console.log(`${ok ? 'ok  ' : 'FAIL'} | ${group.padEnd(12)} | ${name.padEnd(64)} | ${got}`)
}

const near = (amount, wanted, slack) => assert(Math.abs(Number(amount) - wanted) <= slack,
  `${amount} is not within ${slack} of ${wanted}`)
const rejects = wire => JSON.stringify(wire.rejects)
const isResult = line => assert.strictEqual(line.event, 'result', line.message)
const isError = (line, pattern) => {
  assert.strictEqual(line.event, 'error', 'no error: ' + JSON.stringify(line))
  assert.match(line.message, pattern)
}

const groups = {
  // Every version pays every version, rate 3/2.
  async payment (group) {
    const c = await connector({ rate: { numerator: '3', denominator: '2' } })
    for (const to of VERSIONS) {
      const r = await receiver({ version: to, server: c.url('right', 'bob' + to.replace(/\./g, '')) })
      for (const from of VERSIONS) {
        const base = Object.assign({ version: from, server: c.url('left', 'alice') }, r.to)
        const pays = async opts => {
          const before = r.child.lines.length
          const result = await send(Object.assign({}, base, opts))
          isResult(result)
          if (opts.method.startsWith('quote')) return result
          const payment = await r.child.wait('payment', before)
          assert.strictEqual(payment.received, result.destination_amount)
          assert.strictEqual(payment.id, result.id)
          return result
        }
        const shown = result => `${result.source_amount} -> ${result.destination_amount}` +
          ` in ${result.wire.prepares} packets`
        await test(group, `${from} sendSourceAmount 10000 to ${to}`, async () => {
          const result = await pays({ method: 'sendSourceAmount', source_amount: '10000' })
          near(result.destination_amount, 15000, 8)
          return shown(result)
        })
        await test(group, `${from} sendDestinationAmount 10000 to ${to}`, async () => {
          const result = await pays({ method: 'sendDestinationAmount', destination_amount: '10000' })
          near(result.destination_amount, 10000, 2)
          return shown(result)
        })
        await test(group, `${from} sendSingleChunk 5000 to ${to}`, async () => {
          const result = await pays({ method: 'sendSingleChunk', source_amount: '5000' })
          assert.strictEqual(result.destination_amount, '7500')
          return shown(result)
        })
        await test(group, `${from} quoteSourceAmount 10000 of ${to}`, async () => {
          const result = await pays({ method: 'quoteSourceAmount', source_amount: '10000' })
          assert.strictEqual(result.destination_amount, '15000')
          return shown(result)
        })
        await test(group, `${from} quoteDestinationAmount 10000 of ${to}`, async () => {
          const result = await pays({ method: 'quoteDestinationAmount', destination_amount: '10000' })
          assert.strictEqual(result.source_amount, '6667')
          return shown(result)
        })
        if (from === '0.2.1') continue
        await test(group, `${from} sendRequest 1000 to a payment receiver ${to}: falls back`, async () => {
          const before = r.child.lines.length
          const result = await send(Object.assign({ method: 'sendRequest', source_amount: '1000' }, base))
          isResult(result)
          assert.deepStrictEqual(result.wire.rejects, { F06: 1 })
          assert.strictEqual(result.destination_amount, '1500')
          await r.child.wait('fulfilled', before)
          return 'F06, then a chunk of payment id 0: fulfilled, never finished'
        })
      }
      await test(group, `ledger and records of the receiver ${to}`, async () => {
        const stats = await r.stats()
        const { accounts } = await c.stats()
        assert.strictEqual(accounts['test.right.bob' + to.replace(/\./g, '')].received, stats.total)
        return `received ${stats.total}, ${stats.records} records, ${stats.payments} payments`
      })
    }
  },

  // Requests and the responses to them.
  async request (group) {
    const c = await connector({ rate: { numerator: '1', denominator: '2' } })
    const server = c.url('left', 'alice')
    for (const to of ['0.3.1', '0.5.0']) {
      const r = await receiver({
        version: to, mode: 'request', response: 'thanks', server: c.url('right', 'bob' + to.replace(/\./g, ''))
      })
      for (const from of ['0.3.1', '0.5.0']) {
        const base = Object.assign({ version: from, server, method: 'sendRequest', source_amount: '2000' }, r.to)
        await test(group, `${from} sendRequest 2000 with data to ${to}`, async () => {
          const before = r.child.lines.length
          const result = await send(Object.assign({ data_text: 'hello', min_destination_amount: '1000' }, base))
          isResult(result)
          const seen = await r.child.wait('request', before)
          assert.deepStrictEqual([result.fulfilled, result.destination_amount, result.data],
            [true, '1000', Buffer.from('thanks').toString('base64url')])
          assert.deepStrictEqual([seen.amount, seen.data, seen.fulfillable],
            ['1000', Buffer.from('hello').toString('base64url'), true])
          return 'fulfilled, 1000, data both ways'
        })
        await test(group, `${from} sendRequest 2000, minimum 1001, to ${to}`, async () => {
          const before = r.child.lines.length
          const result = await send(Object.assign({ min_destination_amount: '1001' }, base))
          isResult(result)
          assert.deepStrictEqual([result.fulfilled, result.code, result.destination_amount], [false, 'F99', '1000'])
          const shown = r.child.lines.slice(before).find(line => line.event === 'request')
          assert.strictEqual(Boolean(shown), to === '0.5.0')
          return `F99 with the amount; ${shown ? `handler sees amount ${shown.amount}` : 'not shown to the handler'}`
        })
        await test(group, `${from} sendRequest 2000 unfulfillable to ${to}`, async () => {
          const result = await send(Object.assign({ unfulfillable: true }, base))
          isResult(result)
          assert.deepStrictEqual([result.fulfilled, result.code, result.destination_amount], [false, 'F05', '1000'])
          return 'F05 with the amount'
        })
        await test(group, `${from} sendRequest 2000 unfulfillable, minimum 1001, to ${to}`, async () => {
          const result = await send(Object.assign({ unfulfillable: true, min_destination_amount: '1001' }, base))
          isResult(result)
          assert.strictEqual(result.code, to === '0.3.1' ? 'F99' : 'F05')
          return `${result.code} ${result.destination_amount}`
        })
        await test(group, `${from} sendRequest x100, 10 at once, to ${to}`, async () => {
          const result = await send(Object.assign({ repeat: 100, concurrency: 10 }, base))
          isResult(result)
          assert.deepStrictEqual([result.fulfilled, result.wire.max_in_flight], [100, 10])
          return `${result.per_second}/s`
        })
      }
      for (const from of VERSIONS) {
        const base = Object.assign({ version: from, server }, r.to)
        await test(group, `${from} quoteSourceAmount 10000 of a request receiver ${to}`, async () => {
          const result = await send(Object.assign({ method: 'quoteSourceAmount', source_amount: '10000' }, base))
          isResult(result)
          assert.strictEqual(result.destination_amount, '5000')
          return '5000'
        })
        await test(group, `${from} sendSourceAmount 5000 to a request receiver ${to}`, async () => {
          const result = await send(Object.assign({ method: 'sendSourceAmount', source_amount: '5000' }, base))
          isResult(result)
          assert.deepStrictEqual([result.source_amount, result.destination_amount], ['5000', '0'])
          return '5000 sent, "0" delivered (in truth 2500): the responses say 0'
        })
        await test(group, `${from} sendDestinationAmount 1000 to a request receiver ${to}`, async () => {
          const before = BigInt((await r.stats()).total)
          const line = await send(Object.assign(
            { method: 'sendDestinationAmount', destination_amount: '1000', max_prepares: 30 }, base))
          isError(line, /max_prepares/)
          return `never ends: ${BigInt((await r.stats()).total) - before} delivered in 30 packets`
        })
      }
    }
    await test(group, '0.5.0 registerRequestHandlerForSecret', async () => {
      const secret = Buffer.alloc(32, 7).toString('base64url')
      const r = await receiver({
        mode: 'request-for-secret', shared_secret: secret, echo: true, server: c.url('right', 'carl')
      })
      assert.strictEqual(r.to.shared_secret, secret)
      const result = await send(Object.assign({ server, source_amount: '10', data_text: 'back' }, r.to))
      isResult(result)
      assert.deepStrictEqual([result.fulfilled, result.data], [true, Buffer.from('back').toString('base64url')])
      return 'fulfilled, data echoed'
    })
    await test(group, '0.5.0 key id in the address', async () => {
      const r = await receiver({ mode: 'request', key_id: 'AQID', server: c.url('right', 'dora') })
      isResult(await send(Object.assign({ server, source_amount: '10' }, r.to)))
      assert.strictEqual((await r.child.wait('request')).key_id, 'AQID')
      return r.to.destination_account.split('.').pop()
    })
    for (const mode of ['payment', 'request']) {
      await test(group, `0.5.0 rejectAll, ${mode}`, async () => {
        const r = await receiver({ mode, rejectAll: true, response: 'no', server: c.url('right', 'no-' + mode) })
        const request = await send(Object.assign({ server, source_amount: '10' }, r.to))
        const payment = await send(Object.assign(
          { server, method: 'sendSourceAmount', source_amount: '10', timeout_ms: 5000, max_prepares: 100 }, r.to))
        isResult(request)
        assert.strictEqual(payment.event, 'error')
        assert.deepStrictEqual([request.fulfilled, request.code], [false, mode === 'payment' ? 'F06' : 'F99'])
        return `request: ${request.code} "${Buffer.from(request.data, 'base64url')}", chunks: ${payment.message}`
      })
    }
  },

  // What the connector on the path can do to it.
  async path (group) {
    const c = await connector({})
    const server = c.url('left', 'alice')
    const set = opts => c.child.command(Object.assign({ cmd: 'set', maxPacketAmount: null, maxPacketAmountOut: null,
      maxPacketCode: 'F08', latencyMs: 0, t04Every: 0, liquidity: null }, opts), 'set')
    const r = await receiver({ server: c.url('right', 'bob') })
    const q = await receiver({ mode: 'request', server: c.url('right', 'quinn') })
    for (const version of VERSIONS) {
      const pay = (amount, more) => send(Object.assign(
        { version, server, method: 'sendSourceAmount', source_amount: amount, timeout_ms: 30000 }, r.to, more))
      await test(group, `${version} 10000, maxPacketAmount 1200 with F08`, async () => {
        await set({ maxPacketAmount: '1200' })
        const line = await pay('10000')
        isError(line, /F08/)
        return `${line.message.split(':').slice(0, 2).join(':')}, ${line.wire.fulfilled_amount} already sent`
      })
      await test(group, `${version} 10000, maxPacketAmount 1200 with T04`, async () => {
        await set({ maxPacketAmount: '1200', maxPacketCode: 'T04' })
        const result = await pay('10000')
        isResult(result)
        assert.strictEqual(result.destination_amount, '10000')
        return `${result.wire.prepares} packets, ${rejects(result.wire)}, ${result.seconds.toFixed(2)} s, ` +
          `says chunks_rejected ${result.chunks_rejected}`
      })
      await test(group, `${version} 5000, 20 ms each way`, async () => {
        await set({ latencyMs: 20 })
        const result = await pay('5000')
        isResult(result)
        assert(result.seconds >= 0.04 * result.wire.prepares, 'too fast')
        return `${result.wire.prepares} packets, ${result.seconds.toFixed(2)} s`
      })
      await test(group, `${version} 10000, every 10th packet T04`, async () => {
        await set({ t04Every: 10 })
        const result = await pay('10000')
        isResult(result)
        assert.strictEqual(result.destination_amount, '10000')
        return `${result.wire.prepares} packets, ${rejects(result.wire)}, ${result.seconds.toFixed(2)} s`
      })
      await test(group, `${version} 5000 with 4000 a second of liquidity`, async () => {
        await set({ liquidity: { perSecond: '4000', burst: '2000' } })
        const result = await pay('5000')
        isResult(result)
        assert(result.wire.rejects.T04 > 0)
        return `${rejects(result.wire)}, ${result.seconds.toFixed(2)} s`
      })
    }
    await test(group, '0.5.0 10000, every 3rd packet T04: shrinks to 1 unit, for good', async () => {
      await set({ t04Every: 3 })
      const line = await send(Object.assign(
        { server, method: 'sendSourceAmount', source_amount: '10000', timeout_ms: 4000 }, r.to))
      isError(line, /no result/)
      return `${line.wire.fulfilled_amount} sent in ${line.wire.prepares} packets and 4 s (1 x 1.1 rounds to 1)`
    })
    const request = opts => send(Object.assign({ server }, q.to, opts))
    await test(group, '0.5.0 sendRequest 5000, maximum 1200: F08 details', async () => {
      await set({ maxPacketAmount: { left: '1200', right: null } })
      const result = await request({ source_amount: '5000' })
      isResult(result)
      const details = Buffer.from(result.unauthenticated_data, 'base64url')
      assert.deepStrictEqual([result.code, details.readBigUInt64BE(0), details.readBigUInt64BE(8)],
        ['F08', 5000n, 1200n])
      return 'received 5000, maximum 1200'
    })
    await test(group, '0.5.0 sendRequest 5000, maximum in the outgoing unit, rate 2', async () => {
      await set({ maxPacketAmountOut: '1200', rate: { numerator: '2', denominator: '1' } })
      const result = await request({ source_amount: '5000' })
      isResult(result)
      const details = Buffer.from(result.unauthenticated_data, 'base64url')
      assert.deepStrictEqual([details.readBigUInt64BE(0), details.readBigUInt64BE(8)], [10000n, 1200n])
      await set({ rate: { numerator: '1', denominator: '1' } })
      return 'received 10000, maximum 1200'
    })
    await test(group, '0.5.0 sendRequest 5000, F08 without details', async () => {
      await set({ maxPacketAmount: '1200', maxPacketCode: 'F08-empty' })
      const result = await request({ source_amount: '5000' })
      isResult(result)
      assert.deepStrictEqual([result.code, result.unauthenticated_data], ['F08', ''])
      return 'F08, no data'
    })
    await test(group, 'too little time left', async () => {
      await set({})
      const short = await request({ source_amount: '10', expires_in_ms: 900 })
      const past = await request({ source_amount: '10', expires_in_ms: -10 })
      assert.deepStrictEqual([short.code, past.code], ['R02', 'R00'])
      return 'R02 below one hop, R00 when expired'
    })
    await test(group, 'two clients of one side, and back with the inverse rate', async () => {
      await set({ rate: { numerator: '3', denominator: '1' } })
      const near = await receiver({ mode: 'request', server: c.url('left', 'lea') })
      const same = await send(Object.assign({ server, source_amount: '10' }, near.to))
      const back = await send(Object.assign({ server: c.url('right', 'ron'), source_amount: '10' }, near.to))
      assert.deepStrictEqual([same.destination_amount, back.destination_amount], ['10', '3'])
      return '10 -> 10 and 10 -> 3'
    })
    await test(group, 'nobody there, no route', async () => {
      const nobody = await request({ source_amount: '10', destination_account: 'test.right.nobody.x' })
      const nowhere = await request({ source_amount: '10', destination_account: 'test.else.x' })
      assert.deepStrictEqual([nobody.code, nowhere.code], ['F02', 'F02'])
      return 'F02 both'
    })
    await test(group, 'sockets dropped: the receiver comes back by itself', async () => {
      const dropped = await c.child.command({ cmd: 'drop', side: 'right' }, 'dropped')
      await new Promise(resolve => setTimeout(resolve, 500))
      const result = await request({ source_amount: '10' })
      isResult(result)
      assert(result.fulfilled)
      return `${dropped.sockets} dropped, fulfilled half a second later`
    })
    await test(group, 'a drop in mid-flight: the answer comes by the next connection', async () => {
      await set({ latencyMs: 500 })
      const sender = new Child('send.js', Object.assign({ server, source_amount: '10', timeout_ms: 4000 }, q.to))
      while (!(await c.stats()).left.in_flight) await new Promise(resolve => setTimeout(resolve, 20))
      const dropped = await c.child.command({ cmd: 'drop', side: 'left', account: 'alice' }, 'dropped')
      await sender.exited
      const line = sender.lines[sender.lines.length - 1]
      assert.deepStrictEqual([dropped.sockets, line.fulfilled], [1, true])
      return 'fulfilled: mini-accounts answers to the account, not to the socket'
    })
    await test(group, 'in flight at once', async () => {
      await set({ latencyMs: 50 })
      const result = await request({ source_amount: '10', repeat: 256, concurrency: 64 })
      isResult(result)
      const { left } = await c.stats()
      assert(left.max_in_flight >= 60, `only ${left.max_in_flight}`)
      return `${left.max_in_flight} seen by the connector, ${result.per_second}/s`
    })
    await test(group, 'a delayed handler and two chunks at once', async () => {
      await set({ rate: { numerator: '1', denominator: '1' } })
      const slow = await receiver({ acceptDelayMs: 200, server: c.url('right', 'slow') })
      const id = Buffer.alloc(16, 5).toString('base64url')
      const result = await send(Object.assign({ server, method: 'sendSingleChunk', id, sequence: 0, last_chunk: false,
        source_amount: '10', repeat: 2, concurrency: 2 }, slow.to))
      const last = await send(Object.assign(
        { server, method: 'sendSingleChunk', id, sequence: 2, source_amount: '10' }, slow.to))
      isResult(result)
      isResult(last)
      await slow.child.wait('payment')
      const stats = await slow.stats()
      assert.strictEqual(stats.total, '30')
      return `handler called for both, ${stats.payments} payment event(s), total 30`
    })
  },

  // Receivers that go away, and two receivers on one account.
  async receivers (group) {
    const c = await connector({})
    const server = c.url('left', 'alice')
    const slow = () => receiver({ mode: 'request', acceptDelayMs: 700, server: c.url('right', 'bob') })
    await test(group, 'receiver dropped in mid-flight: it answers by its next connection', async () => {
      const r = await slow()
      const sending = send(Object.assign({ server, source_amount: '10', expires_in_ms: 5000 }, r.to))
      await r.child.wait('request')
      await c.child.command({ cmd: 'drop', side: 'right' }, 'dropped')
      const result = await sending
      assert.strictEqual(result.fulfilled, true)
      await r.child.close()
      return 'fulfilled'
    })
    await test(group, 'receiver gone in mid-flight: nothing until the expiry', async () => {
      const r = await slow()
      const sending = send(Object.assign({ server, source_amount: '10', expires_in_ms: 3000 }, r.to))
      await r.child.wait('request')
      r.child.process.kill('SIGKILL')
      const result = await sending
      assert.strictEqual(result.code, 'R00')
      assert(result.seconds > 1.5, 'too early')
      return `${result.code} after ${result.seconds.toFixed(1)} s`
    })
    await test(group, 'two receivers of one account: both get every packet', async () => {
      const one = await receiver({ mode: 'request', server: c.url('right', 'two') })
      const two = await receiver({ mode: 'request', server: c.url('right', 'two') })
      const results = await Promise.all([one, two].map(r =>
        send(Object.assign({ server, source_amount: '10' }, r.to))))
      const stats = await Promise.all([one, two].map(r => r.stats()))
      assert(stats.every(seen => seen.prepares >= 2), JSON.stringify(stats))
      return results.map(result => result.code || 'fulfilled').join(', ') + ': the first answer counts'
    })
  },

  // Names and tokens of mini-accounts.
  async accounts (group) {
    const c = await connector({ left: { accountMode: 'hash' }, right: { accountMode: 'username' } })
    const connects = async (server, name) => {
      const child = new Child('receive.js', { server })
      open.push(child)
      try {
        return (await child.wait('listening', 0, 3000)).destination_account
      } catch (err) {
        return 'refused: ' + err.message
      }
    }
    const hash = require('crypto').createHash('sha256').update('tok').digest('base64url')
    await test(group, 'hash: no user name, account is the hash of the token', async () => {
      const address = await connects(c.url('left', '', 'tok'))
      assert(address.startsWith(`test.left.${hash}.`), address)
      return address.slice(0, 30) + '...'
    })
    await test(group, 'hash: any other user name is refused', async () => {
      const address = await connects(c.url('left', 'alice', 'tok'))
      assert.match(address, /^refused/)
      return address
    })
    await test(group, 'username: no user name is refused', async () => {
      const address = await connects(c.url('right', '', 'tok'))
      assert.match(address, /^refused/)
      return address
    })
    await test(group, 'username: the first token counts, another is refused', async () => {
      const first = await connects(c.url('right', 'bob', 'one'))
      const second = await connects(c.url('right', 'bob', 'two'))
      assert.match(first, /^test\.right\.bob\./)
      assert.match(second, /^refused/)
      return second
    })
    await test(group, 'user name in need of percent-encoding arrives encoded', async () => {
      const address = await connects(c.url('right', 'b%40b', 'one'))
      assert(address.startsWith('test.right.b%40b.'), address)
      return address.slice(0, 20) + '...: not a valid ILP address'
    })
    await test(group, 'one server only', async () => {
      const one = await connector({ right: null })
      assert.deepStrictEqual(Object.keys(one.line), ['event', 'left'])
      return 'left only'
    })
  },

  // The real ilp-connector.
  async connector (group) {
    const { child, line } = await start('connector.js', {
      accounts: {
        alice: { kind: 'mini', maxPacketAmount: '20000' },
        bob: { kind: 'btp', token: 'tok' },
        poor: { kind: 'mini', balance: { maximum: '5000' } },
        busy: { kind: 'mini', rateLimit: { refillPeriod: 3600000, refillCount: 20, capacity: 20 } }
      },
      rates: { 'alice->bob': { numerator: '3', denominator: '2' } }
    })
    const url = (id, user) => line.accounts[id].url_template.replace('{user}', user).replace('{token}', 't')
    for (const to of VERSIONS) {
      const r = await receiver({ version: to, server: line.accounts.bob.url })
      for (const from of VERSIONS) {
        await test(group, `${from} sendSourceAmount 10000 to ${to} through ilp-connector`, async () => {
          const result = await send(Object.assign(
            { version: from, server: url('alice', 'ann'), method: 'sendSourceAmount', source_amount: '10000' }, r.to))
          isResult(result)
          near(result.destination_amount, 15000, 8)
          return `${result.source_amount} -> ${result.destination_amount}`
        })
      }
      await r.child.close()
    }
    const r = await receiver({ mode: 'request', server: line.accounts.bob.url })
    const request = (id, opts) => send(Object.assign({ server: url(id, 'ann') }, r.to, opts))
    await test(group, 'F08 with its details', async () => {
      const result = await request('alice', { source_amount: '30000' })
      const details = Buffer.from(result.unauthenticated_data, 'base64url')
      assert.deepStrictEqual([result.code, details.readBigUInt64BE(0), details.readBigUInt64BE(8)],
        ['F08', 30000n, 20000n])
      return `${result.code} ${result.triggered_by} "${result.message}"`
    })
    await test(group, 'balance', async () => {
      const result = await request('poor', { source_amount: '3000', repeat: 3 })
      assert.deepStrictEqual([result.fulfilled, result.codes], [1, { T04: 2 }])
      const { balances } = await child.command({ cmd: 'stats' }, 'stats')
      assert.strictEqual(balances.poor.balance, '3000')
      return `${JSON.stringify(result.codes)}, balance ${balances.poor.balance}`
    })
    await test(group, 'rate limit', async () => {
      const result = await request('busy', { source_amount: '1', repeat: 30, concurrency: 5 })
      assert.strictEqual(result.codes.T05, 11) // 20 tokens, one taken by the plugin's own IL-DCP request
      return `${result.fulfilled} fulfilled, ${JSON.stringify(result.codes)}`
    })
    await test(group, 'a connector below the connector (inherits its address)', async () => {
      const below = await start('connector.js', {
        accounts: { up: { kind: 'client', server: url('alice', 'mid') }, carl: { kind: 'mini' } }
      })
      const account = below.line.accounts.carl
      const result = await send(Object.assign(
        { server: account.url_template.replace('{user}', 'u').replace('{token}', 't'), source_amount: '100' }, r.to))
      assert.strictEqual(result.destination_amount, '150')
      return below.line.address
    })
    await test(group, 'two connectors as peers, routes by CCP', async () => {
      const one = await start('connector.js', {
        ilpAddress: 'test.one', accounts: { ann: { kind: 'mini' }, two: { kind: 'btp', relation: 'peer', token: 't' } }
      })
      const two = await start('connector.js', {
        ilpAddress: 'test.two',
        accounts: { bert: { kind: 'mini' }, one: { kind: 'client', relation: 'peer', server: one.line.accounts.two.url } }
      })
      const at = (side, id) => side.line.accounts[id].url_template.replace('{user}', 'u').replace('{token}', 't')
      const there = await receiver({ mode: 'request', server: at(two, 'bert') })
      await new Promise(resolve => setTimeout(resolve, 1000))
      const result = await send(Object.assign({ server: at(one, 'ann'), source_amount: '100' }, there.to))
      const { routes } = await one.child.command({ cmd: 'stats' }, 'stats')
      assert.deepStrictEqual([result.fulfilled, routes['test.two']], [true, 'two'], JSON.stringify([result, routes]))
      return JSON.stringify(routes)
    })
    await test(group, 'the client of a btp account is not there', async () => {
      await r.child.close()
      const result = await request('alice', { source_amount: '10' })
      assert.strictEqual(result.code, 'T01')
      return result.code + ' ' + result.message
    })
    await test(group, 'a wrong token at a btp account throws the right client out', async () => {
      const good = await receiver({ mode: 'request', server: line.accounts.bob.url })
      const bad = new Child('receive.js', { server: line.accounts.bob.url.replace('tok', 'wrong') })
      open.push(bad)
      await new Promise(resolve => setTimeout(resolve, 1000))
      const result = await send(Object.assign(
        { server: url('alice', 'ann'), source_amount: '10', timeout_ms: 8000 }, good.to))
      assert.deepStrictEqual([result.fulfilled, result.code], [false, 'T01'])
      return `${result.code}, although the right client is still connected`
    })
  },

  // The conventions all scripts keep.
  async scripts (group) {
    for (const script of ['accounts.js', 'connector.js']) {
      await test(group, `${script} ends when stdin closes`, async () => {
        const { child } = await start(script, {})
        assert.strictEqual(await child.close(), 0)
        return 'exit status 0'
      })
    }
    await test(group, 'receive.js ends when stdin closes, also while it connects', async () => {
      const child = new Child('receive.js', { server: 'btp+ws://a:b@127.0.0.1:1' })
      await new Promise(resolve => setTimeout(resolve, 500))
      assert.strictEqual(await child.close(), 0)
      return 'exit status 0'
    })
    await test(group, 'send.js: stdin closes before the result', async () => {
      const child = new Child('send.js', {
        server: 'btp+ws://a:b@127.0.0.1:1', destination_account: 'test.x', shared_secret: 'AA'
      })
      await new Promise(resolve => setTimeout(resolve, 500))
      assert.strictEqual(await child.close(), 1)
      return child.lines[0].message
    })
    for (const script of ['accounts.js', 'connector.js', 'receive.js', 'send.js']) {
      await test(group, `${script} with an unknown option`, async () => {
        const child = new Child(script, { nonsense: 1 })
        assert.strictEqual(await child.exited, 1)
        assert.strictEqual(child.lines[0].event, 'error')
        return child.lines[0].message.slice(0, 40)
      })
    }
  }
}

async function main () {
  const only = process.argv[2] || ''
  for (const [name, run] of Object.entries(groups)) {
    if (!name.includes(only)) continue
    try {
      await run(name)
    } catch (err) {
      await test(name, 'the group itself', () => { throw err })
    }
    await Promise.all(open.splice(0).map(child => child.close()))
  }
  const failed = rows.filter(row => !row.ok)
  console.log(`${rows.length - failed.length} of ${rows.length} as expected`)
  process.exit(failed.length || !rows.length ? 1 : 0)
}
main()
