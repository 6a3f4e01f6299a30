package vm

import "strconv"

// bytesText writes bytes as systemd reads them, where M is 2^20.
func bytesText(n int64) string {
	switch {
	case n%(1<<30) == 0:
		return strconv.FormatInt(n>>30, 10) + "G"
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "M"
	case n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "K"
	}
	return strconv.FormatInt(n, 10)
}

// percent writes thousandths of a processor as systemd's CPUQuota has them: 1500 is 150%.
func percent(milli int64) string {
	if milli%10 == 0 {
		return strconv.FormatInt(milli/10, 10) + "%"
	}
	return strconv.FormatInt(milli/10, 10) + "." + strconv.FormatInt(milli%10, 10) + "%"
}
