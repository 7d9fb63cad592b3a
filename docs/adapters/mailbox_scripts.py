"""The steps of the mailboxes that must not be half done, in Lua: Redis runs each one alone."""

from __future__ import annotations

from typing import Final

PUT: Final = """
local bytes, from, share = #ARGV[2], 'from:' .. ARGV[1], 'bytes-from:' .. ARGV[1]
local sent, cost = 'sent:' .. ARGV[1], bytes + ARGV[11]
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if redis.call('EXISTS', KEYS[5]) == 0
  or redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4])
  or (tonumber(redis.call('HGET', KEYS[4], 'bytes')) or 0) + bytes > tonumber(ARGV[5])
  or (tonumber(redis.call('HGET', KEYS[4], from)) or 0) >= tonumber(ARGV[6])
  or (tonumber(redis.call('HGET', KEYS[4], share)) or 0) + bytes > tonumber(ARGV[7])
  or (tonumber(redis.call('GET', sent)) or 0) + cost > tonumber(ARGV[8]) then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then
  local now = redis.call('TIME')
  redis.call('SET', KEYS[3], now[1] .. string.format('%06d', now[2]))
end
local number = string.format('%.0f', redis.call('INCR', KEYS[3]))
redis.call('XADD', KEYS[1], number .. '-0', 's', ARGV[1], 'e', ARGV[2])
redis.call('HINCRBY', KEYS[4], 'bytes', bytes)
redis.call('HINCRBY', KEYS[4], from, 1)
redis.call('HINCRBY', KEYS[4], share, bytes)
if redis.call('INCRBY', sent, cost) == cost then redis.call('EXPIRE', sent, ARGV[10]) end
redis.call('EXPIRE', KEYS[1], ARGV[10])
redis.call('EXPIRE', KEYS[4], ARGV[10])
redis.call('SET', KEYS[2], '', 'EX', ARGV[9])
redis.call('PUBLISH', 'mail', ARGV[3])
return 1
"""
"""Envelopes are numbered from the time in microseconds on: after Redis has lost what it held, no number comes again.
Who still waits behind an old one gets what is new, and who acknowledges an old one deletes nothing."""

FORGET: Final = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then return end
local row = found[1][2]
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'bytes', -#row[4])
for count, less in pairs({['from:' .. row[2]] = 1, ['bytes-from:' .. row[2]] = #row[4]}) do
  if redis.call('HINCRBY', KEYS[2], count, -less) <= 0 then redis.call('HDEL', KEYS[2], count) end
end
local sent, cost = 'sent:' .. row[2], #row[4] + ARGV[2]
if (tonumber(redis.call('GET', sent)) or 0) > cost then redis.call('DECRBY', sent, cost)
else redis.call('DEL', sent) end
"""

PUBLISH: Final = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
for place = 3, #ARGV do
  if redis.call('SISMEMBER', KEYS[3], string.sub(ARGV[place], 1, 32)) == 0 then
    redis.call('RPUSH', KEYS[2], ARGV[place])
  end
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
return redis.call('LLEN', KEYS[2])
"""

FETCH: Final = """
local bundle, item = redis.call('GET', KEYS[1]), ARGV[1] == '1' and redis.call('LPOP', KEYS[2])
if item then
  redis.call('SADD', KEYS[3], string.sub(item, 1, 32))
  redis.call('EXPIRE', KEYS[3], ARGV[2])
end
return {bundle or '', item and string.sub(item, 33) or ''}
"""
