'use strict'
// Starts a script of this folder as a child process and reads its JSON lines (used by selftest.js and bench.js, and
// an example of what a Rust test has to do).

const { spawn } = require('child_process')
const path = require('path')
const readline = require('readline')

class Child {
  constructor (script, opts) {
    this.script = script
    this.lines = []
    this.waiters = []
    this.process = spawn(process.execPath, [path.join(__dirname, '..', script), JSON.stringify(opts)],
      { stdio: ['pipe', 'pipe', process.env.INTEROP_LOG === '1' ? 'inherit' : 'ignore'] })
    this.process.stdin.on('error', () => {})
    readline.createInterface({ input: this.process.stdout }).on('line', line => {
      this.lines.push(JSON.parse(line))
      this._wake()
    })
    this.exited = new Promise(resolve => this.process.on('close', status => {
      this.status = status
      this._wake()
      resolve(status)
    }))
  }

  _wake () {
    for (const waiter of this.waiters.splice(0)) waiter()
  }

  // The first line of that event from position `from` on; an error line or the child's end rejects.
  async wait (event, from = 0, timeoutMs = 60000) {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const found = this.lines.slice(from).find(line => line.event === event)
      if (found) return found
      const error = this.lines.find(line => line.event === 'error')
      if (error && event !== 'error') throw new Error(`${this.script}: ${error.message}`)
      if (this.status !== undefined) throw new Error(`${this.script} ended with ${this.status} before "${event}"`)
      if (Date.now() > deadline) throw new Error(`${this.script}: no "${event}" in ${timeoutMs} ms`)
      await new Promise(resolve => {
        const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()))
        this.waiters.push(() => { clearTimeout(timer); resolve() })
      })
    }
  }

  // Sends a command, returns the answer of that event name.
  async command (cmd, event) {
    const from = this.lines.length
    this.process.stdin.write(JSON.stringify(cmd) + '\n')
    return this.wait(event, from)
  }

  async close () {
    this.process.stdin.end()
    return this.exited
  }
}

// Runs send.js to its end and returns its last line (a result or an error).
async function send (opts) {
  const child = new Child('send.js', opts)
  await child.exited
  child.process.stdin.end()
  return child.lines[child.lines.length - 1]
}

module.exports = { Child, send }
