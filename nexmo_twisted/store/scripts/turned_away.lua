-- uses time
-- A webhook of an inbound SMS was answered 503 a moment ago: it comes again, and may be older then than others. ARGV:
-- now.
redis.call('SET', K.turned_away, int(clock(ARGV[1])))
return 'DONE'
