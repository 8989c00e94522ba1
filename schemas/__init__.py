"""What each dataset must look like: columns, rules and the sources' layouts."""
