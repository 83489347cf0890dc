'use strict'
// The real npm ilp-connector 23.0.2 in this process, its accounts served by ilp-plugin-mini-accounts (many clients
// each) or by ilp-plugin-btp as a listener (exactly one client), in-memory store, fixed or one-to-one rates.
//
// - A "mini" account "alice" of connector "test.connector" serves clients test.connector.alice.<user>; the plugin
//   answers their IL-DCP itself. Same account rules as accounts.js with accountMode "both".
// - A "btp" account "bob" serves one client, test.connector.bob; the connector answers its IL-DCP. The plugin checks
//   only the token. Until its client is there, packets to it are answered T01.
// - A "client" account connects to another connector (server: btp+ws://...), which is its parent and gives it its
//   address by IL-DCP; with "relation": "peer" on both ends the two exchange routes (CCP) instead.

const { commands, emit, fail, options, sleep } = require('./lib/common')
const path = require('path')
const reduct = require('reduct')
const { createApp } = require('ilp-connector')
const MiddlewareManager = require('ilp-connector/dist/services/middleware-manager').default
const RoutingTable = require('ilp-connector/dist/services/routing-table').default

const PLUGINS = { mini: 'ilp-plugin-mini-accounts', btp: 'ilp-plugin-btp', client: 'ilp-plugin-btp' }
// Handed to ilp-connector as they are, see its config schema.
const PASSED = ['assetCode', 'assetScale', 'balance', 'maxPacketAmount', 'throughput', 'rateLimit', 'deduplicate',
  'sendRoutes', 'receiveRoutes', 'ilpAddressSegment', 'relation']
const OWN = ['kind', 'token', 'server']

const opts = options({
  ilpAddress: 'test.connector', // inherited when there is a parent
  accounts: { alice: { kind: 'mini' }, bob: { kind: 'btp' } },
  // id -> {"kind": "mini|btp|client", "relation": "child|peer|parent", "assetCode", "assetScale", "token" (btp),
  // "server" (client), "maxPacketAmount": "10000", "rateLimit": {"refillPeriod": 60000, "refillCount": 10000,
  // "capacity"}, "throughput": {"refillPeriod": 1000, "incomingAmount", "outgoingAmount"},
  // "balance": {"maximum", "minimum", "settleThreshold", "settleTo"}, "deduplicate", "sendRoutes", ...}
  rates: null, // {"alice->bob": {"numerator", "denominator"}}; null: the one-to-one backend with spread
  spread: 0, // of one-to-one; the package's default is 0.002
  routes: [], // [{"targetPrefix", "peerId"}]
  minMessageWindow: 1000,
  maxHoldTime: 30000,
  reflectPayments: true,
  disableMiddleware: [], // e.g. ["deduplicate", "rateLimit"]
  startMs: 300 // how long to wait for accounts to connect before the first line is printed (a btp account connects
  // only when its client comes, so with one this time is always spent)
})

function accountConfig (id, given) {
  for (const key of Object.keys(given)) {
    if (!PASSED.includes(key) && !OWN.includes(key)) fail(`unknown option "accounts.${id}.${key}"`)
  }
  if (!PLUGINS[given.kind]) fail(`accounts.${id}.kind is ${Object.keys(PLUGINS).join(', ')}`)
  const account = {
    plugin: PLUGINS[given.kind],
    relation: given.kind === 'client' ? 'parent' : 'child',
    assetCode: 'XRP',
    assetScale: 9,
    options: {
      mini: { wsOpts: { host: '127.0.0.1', port: 0 } },
      btp: { listener: { secret: given.token || 'secret', wsOpts: { host: '127.0.0.1', port: 0 } } },
      client: { server: given.server }
    }[given.kind]
  }
  for (const key of PASSED) if (given[key] !== undefined) account[key] = given[key]
  return account
}

const config = {
  accounts: Object.fromEntries(Object.entries(opts.accounts).map(([id, given]) => [id, accountConfig(id, given)])),
  spread: opts.spread,
  backend: opts.rates ? path.join(__dirname, 'lib', 'fixed-rate-backend.js') : 'one-to-one',
  backendConfig: opts.rates ? { rates: opts.rates } : {},
  store: 'memory',
  routes: opts.routes,
  minMessageWindow: opts.minMessageWindow,
  maxHoldTime: opts.maxHoldTime,
  reflectPayments: opts.reflectPayments,
  disableMiddleware: opts.disableMiddleware,
  initialConnectTimeout: opts.startMs
}
const hasParent = Object.values(config.accounts).some(account => account.relation === 'parent')
if (!hasParent) config.ilpAddress = opts.ilpAddress

const container = reduct()
let app

async function port (plugin) {
  for (let tries = 0; tries < 500; tries++) {
    const address = plugin._wss && plugin._wss.address()
    if (address) return address.port
    await sleep(10)
  }
  throw new Error('a listener does not come up')
}

async function main () {
  app = createApp(config, container)
  await app.listen()
  const status = container(require('ilp-connector/dist/services/accounts').default)
  const line = { event: 'listening', address: status.getOwnAddress(), accounts: {} }
  for (const [id, given] of Object.entries(opts.accounts)) {
    const { assetCode, assetScale, relation, options } = config.accounts[id]
    const account = line.accounts[id] = { kind: given.kind, asset_code: assetCode, asset_scale: assetScale }
    if (given.kind === 'client') continue
    account.port = await port(app.getPlugin(id))
    if (relation === 'child') account.address = status.getChildAddress(id)
    if (given.kind === 'mini') {
      account.url_template = `btp+ws://{user}:{token}@127.0.0.1:${account.port}`
      account.prefix = account.address + '.'
    } else {
      account.url = `btp+ws://:${options.listener.secret}@127.0.0.1:${account.port}`
    }
  }
  emit(line)
}

commands({
  // Balances (of accounts that have "balance" settings), the connection state and the routing table.
  stats: () => {
    const balance = container(MiddlewareManager).getMiddleware('balance')
    emit({
      event: 'stats',
      balances: balance ? balance.getStatus().accounts : {},
      connected: Object.fromEntries(Object.keys(opts.accounts).map(id => [id, app.getPlugin(id).isConnected()])),
      routes: Object.fromEntries(container(RoutingTable).keys().map(prefix =>
        [prefix, container(RoutingTable).get(prefix).nextHop]))
    })
  },
  // Closes the sockets of an account (of one user of a mini account).
  drop: ({ account, user }) => {
    const plugin = app.getPlugin(account)
    const sockets = user ? Array.from(plugin._connections.get(user) || []) : Array.from(plugin._wss.clients)
    for (const socket of sockets) socket.terminate()
    emit({ event: 'dropped', account, sockets: sockets.length })
  }
})
main().catch(fail)
