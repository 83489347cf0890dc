'use strict'
// What every script shares: the one JSON argument, JSON lines on the real stdout (everything the packages print
// goes to stderr instead), commands on stdin, exit when stdin closes. Require it before any of the packages.

const util = require('util')

const realWrite = process.stdout.write.bind(process.stdout)
const VERBOSE = process.env.INTEROP_LOG === '1'

// ilp-connector, riverpig and ilp-logger write to process.stdout directly; psk2 uses console.warn. Their logs are
// dropped unless INTEROP_LOG=1; warnings go to stderr, each text once, so a parent's unread pipe cannot fill up.
process.stdout.write = (chunk, encoding, done) => {
  if (VERBOSE) process.stderr.write(chunk)
  const callback = typeof encoding === 'function' ? encoding : done
  if (callback) process.nextTick(callback)
  return true
}
const said = new Set()
function toStderr (...args) {
  const text = util.format(...args)
  if (!VERBOSE && (said.has(text) || said.size >= 100)) return
  said.add(text)
  process.stderr.write(text + '\n')
}
console.log = console.info = console.warn = console.debug = toStderr

// A parent that has gone away: nothing left to do.
process.stdout.on('error', () => process.exit(1))
process.stderr.on('error', () => {})

function emit (event) {
  realWrite(JSON.stringify(event) + '\n')
}

function fail (err, extra) {
  const message = err instanceof Error ? err.message : String(err)
  if (VERBOSE && err instanceof Error) process.stderr.write(err.stack + '\n')
  emit(Object.assign({ event: 'error', message }, extra))
  process.exit(1)
}

process.on('uncaughtException', fail)
// The packages leave some rejected promises unobserved (for example a response that times out): not fatal.
process.on('unhandledRejection', err => toStderr('unhandled rejection:', err))

// The options: argv[2] is a JSON object; an unknown name is an error, so that a typing mistake does not pass a test.
function options (defaults) {
  let given
  try {
    given = JSON.parse(process.argv[2] || '{}')
  } catch (err) {
    fail('the argument is not JSON: ' + err.message)
  }
  for (const name of Object.keys(given)) {
    if (!(name in defaults)) fail(`unknown option "${name}"; known: ${Object.keys(defaults).join(', ')}`)
  }
  return Object.assign({}, defaults, given)
}

// Reads {"cmd": ...} lines from stdin and calls handlers[cmd](line); leaves when stdin closes.
function commands (handlers, onClose) {
  let buffered = ''
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', text => {
    buffered += text
    const lines = buffered.split('\n')
    buffered = lines.pop()
    for (const line of lines) if (line.trim()) run(line)
  })
  const leave = onClose || (() => process.exit(0))
  process.stdin.on('end', leave)
  process.stdin.on('error', leave)

  async function run (line) {
    try {
      const command = JSON.parse(line)
      const handler = handlers[command.cmd]
      if (!handler) throw new Error(`unknown cmd "${command.cmd}"`)
      await handler(command)
    } catch (err) {
      fail(err)
    }
  }
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const toB64 = octets => Buffer.from(octets).toString('base64url')
const fromB64 = text => Buffer.from(text, 'base64url')

function need (opts, ...names) {
  for (const name of names) if (opts[name] === undefined || opts[name] === null) fail(`option "${name}" is required`)
}

function increment (counts, key) {
  counts[key] = (counts[key] || 0) + 1
}

// The published releases of ilp-protocol-psk2.
const VERSIONS = ['0.2.1', '0.3.1', '0.5.0']
function psk2 (version) {
  if (!VERSIONS.includes(version)) fail(`unknown version "${version}"; there are ${VERSIONS.join(', ')}`)
  return require('psk2-' + version)
}

// Everything of a package's result as JSON: BigNumbers and bigints as decimal digits, octets as base64url.
function plain (value) {
  if (Buffer.isBuffer(value)) return toB64(value)
  if (typeof value === 'bigint') return value.toString()
  if (value && typeof value === 'object') {
    if (typeof value.toFixed === 'function') return value.toFixed()
    if (Array.isArray(value)) return value.map(plain)
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
  }
  return value
}

module.exports = {
  VERSIONS, commands, emit, fail, fromB64, increment, need, options, plain, psk2, sleep, toB64
}
